// A text of which a part is in a field, since with megabytes in one a browser takes half a second for every key.
//
// Owns the text, which part of it is shown, and how its edits are undone. Places are those of the whole text, if nothing else is said; lines
// are counted from 0. It must not know the page.

export const WHOLE = 200_000; // characters up to which all of a text is shown
const PART = 60_000;
const MOST_STEPS = 500;

export class LongText {
  part = ''; // what is shown, between `before` and `after`
  before = '';
  after = '';
  line = 0; // where the part begins
  lines = 1;
  #value = ''; // null while it is not put together
  #steps = [[], []]; // {at, gone, come}: those that can be undone, and done again

  get value() {
    this.#value ??= this.before + this.part + this.after;
    return this.#value;
  }

  // Another text, shown from its beginning.
  set value(text) {
    this.#steps = [[], []];
    this.#put(text);
    this.show(0);
  }

  get length() {
    return this.before.length + this.part.length + this.after.length;
  }

  get isLong() {
    return this.part.length < this.length;
  }

  lineAt(at) {
    return this.line + lineEnds(this.part, 0, at - this.before.length);
  }

  columnAt(at) {
    const from = this.before.length;
    const end = at > from ? this.part.lastIndexOf('\n', at - from - 1) : -1;
    return at - 1 - (end < 0 && from ? this.before.lastIndexOf('\n') : from + end);
  }

  // Let the part be what is around a place.
  show(at) {
    const {value} = this;
    const isShort = value.length <= WHOLE;
    const start = isShort ? 0 : cut(value, at - PART / 2);
    const end = isShort ? value.length : Math.max(start, cut(value, at + PART / 2));
    this.line = this.#linesTo(start);
    this.before = value.slice(0, start);
    this.part = value.slice(start, end);
    this.after = value.slice(end);
  }

  // The lines that end before a place, counted from where it is nearest.
  #linesTo(at) {
    const known = [[0, 0], [this.before.length, this.line], [this.length, this.lines - 1]];
    const [from, line] = known.sort((a, b) => Math.abs(a[0] - at) - Math.abs(b[0] - at))[0];
    return line + (at < from ? -lineEnds(this.value, at, from) : lineEnds(this.value, from, at));
  }

  // The part was edited.
  edited(part) {
    const old = this.part;
    if (part === old) return;
    const most = Math.min(old.length, part.length);
    let start = 0;
    while (start < most && part.charCodeAt(start) === old.charCodeAt(start)) start += 1;
    let end = 0;
    while (end < most - start && part.charCodeAt(part.length - 1 - end) === old.charCodeAt(old.length - 1 - end)) end += 1;
    this.#note({at: this.before.length + start, gone: old.slice(start, old.length - end), come: part.slice(start, part.length - end)});
    this.part = part;
    this.#value = null;
  }

  // Other text in the place of some, which is then shown.
  splice(start, end, text) {
    const step = {at: start, gone: this.value.slice(start, end), come: text};
    this.#note(step);
    this.#write(step);
  }

  // The last edit undone, or what was undone done `again`: the place behind it, null if there is none.
  undo(again) {
    const step = this.#steps[Number(again)].pop();
    if (!step) return null;
    this.#steps[Number(!again)].push(step);
    const {at, gone, come} = step;
    this.lines += again ? lineEnds(come) - lineEnds(gone) : lineEnds(gone) - lineEnds(come);
    return this.#write(again ? step : {at, gone: come, come: gone});
  }

  // Letters that are typed one after the other are one step.
  #note(step) {
    const [done] = this.#steps;
    const {at, gone, come} = step;
    this.lines += lineEnds(come) - lineEnds(gone);
    this.#steps[1] = [];
    const last = done.at(-1);
    if (last && !gone && /^\S$/.test(come) && last.at + last.come.length === at) last.come += come;
    else if (done.push({...step}) > MOST_STEPS) done.shift();
  }

  #write({at, gone, come}) {
    const from = at - this.before.length;
    if (from >= 0 && from + gone.length <= this.part.length && this.isLong) {
      this.part = this.part.slice(0, from) + come + this.part.slice(from + gone.length);
      this.#value = null;
      return at + come.length;
    }
    const {value, lines} = this;
    this.#put(value.slice(0, at) + come + value.slice(at + gone.length), lines);
    this.show(at + come.length);
    return at + come.length;
  }

  #put(text, lines = lineEnds(text) + 1) {
    Object.assign(this, {before: '', part: text, after: '', line: 0, lines});
    this.#value = text;
  }
}

// How many lines end between two places.
function lineEnds(text, from = 0, to = text.length) {
  let number = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) number += 1;
  return number;
}

// A place where a text may be cut: behind the next line end, if that is near, and not within a character.
function cut(text, at) {
  if (at <= 0 || at >= text.length) return Math.max(0, Math.min(at, text.length));
  const end = text.slice(at, at + PART / 4).indexOf('\n');
  if (end >= 0) return at + end + 1;
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at + 1 : at;
}
