// An editor for JSON text: line numbers, colours, brackets, errors as one types, find, formatting.
//
// Owns a plain text field, which has the text, and behind it the same lines in colour, of which only those that are seen are
// there. Of a long text only a part is in the field, which follows the cursor and what is seen. It must not know what the text is
// about. What is typed is never changed but by the keys below and by `format`.

import {debounced, h, replace, typeInto, uniqueId} from '../dom.js';
import {count} from '../format.js';
import {colours, matchingBrackets} from '../lossless/colours.js';
import {LongText, WHOLE} from '../lossless/long-text.js';
import {compute} from '../merge/off-page.js';
import {findBar} from './find-bar.js';

const LINE = 20; // pixels, as in editor.css
const BESIDE = 4;
const EDGE = 8000; // characters of the part that are left when the cursor moves on
const STEPS = 1000; // of the bar
const HELD = ['Control', 'Shift', 'Alt', 'Meta'];

class JsonEditor extends HTMLElement {
  #text = new LongText();
  #lines = ['']; // of the part
  #away = null; // the selection, while it is not in the part
  #isOwn = false; // it was long: then edits are undone here, not by the browser
  #isAll = false; // all of the text is selected, not the part alone
  #problem = null;
  #marks = null;
  #check = 'check';
  #looking = null;
  #frame = 0;
  #validate = debounced(() => this.#validated(), 150);

  // `label` is its accessible name, `validate` the task that gives the first problem or null, `submit()` is called for Ctrl+S.
  configure({label, validate = 'check', submit = null, readOnly = false}) {
    this.#check = validate;
    const status = uniqueId('status');
    this.area = h('textarea', {class: 'e-area', autocapitalize: 'off', wrap: 'off', 'aria-label': label, 'aria-describedby': status, readOnly});
    this.numbers = h('div', {class: 'e-numbers', 'aria-hidden': 'true'});
    this.back = h('pre', {class: 'e-back', 'aria-hidden': 'true'});
    this.status = h('div', {class: 'e-problem', id: status, role: 'status'});
    this.place = h('div', {class: 'quiet'});
    this.bar = h('input', {type: 'range', class: 'e-bar', 'aria-label': 'Place in the text', hidden: true, max: STEPS, oninput: () => this.#show(Math.floor(this.bar.value / STEPS * this.#text.length), null)});
    this.find = findBar(this);
    replace(this, this.find.element,
      h('div', {class: 'e-body'}, this.numbers, h('div', {class: 'e-text'}, this.back, this.area), this.bar),
      h('div', {class: 'e-foot'}, this.status, this.place));
    const {area} = this;
    area.addEventListener('scroll', () => this.#scrolled(), {passive: true});
    area.addEventListener('input', () => this.#changed());
    area.addEventListener('keydown', (event) => this.#onKey(event, submit));
    area.addEventListener('beforeinput', (event) => {
      if (this.#hasAll && !event.inputType.startsWith('history')) this.#put(event, event.data ?? (event.inputType === 'insertLineBreak' ? '\n' : ''));
    });
    area.addEventListener('paste', (event) => {
      const text = event.clipboardData.getData('text/plain').replace(/\r\n?/g, '\n');
      if (!area.readOnly && (this.#hasAll || area.value.length + text.length > WHOLE)) this.#put(event, text);
    });
    for (const name of ['copy', 'cut']) {
      area.addEventListener(name, (event) => {
        if (!this.#hasAll) return;
        event.clipboardData.setData('text/plain', this.value);
        if (name === 'cut' && !area.readOnly) this.#put(event, '');
        event.preventDefault();
      });
    }
    area.addEventListener('wheel', (event) => this.#beyond(event.deltaY), {passive: true});
    area.addEventListener('pointerdown', () => { this.#away = null; });
    for (const name of ['keyup', 'click', 'focus', 'select']) area.addEventListener(name, () => this.#moved());
    new ResizeObserver(() => this.#draw()).observe(area);
    this.#changed();
    return this;
  }

  get value() {
    return this.#text.value;
  }

  // Another text; the cursor stays in its line.
  set value(text) {
    const {selection} = this;
    const {scrollLeft} = this.area;
    const top = this.#top;
    const at = Math.min(selection[0], text.length);
    this.#isOwn = false;
    this.#text.value = text;
    this.#text.show(at);
    this.#fill([at, at], top);
    this.area.scrollLeft = scrollLeft;
    this.#changed();
  }

  // Where in the whole text the selection begins and ends.
  get selection() {
    const {selectionStart, selectionEnd} = this.area;
    const from = this.#text.before.length;
    return this.#away ?? (this.#hasAll ? [0, this.value.length] : [from + selectionStart, from + selectionEnd]);
  }

  // The first problem of the text as it is now, `{at, line, column, message}`, or null.
  async look(signal) {
    const {value} = this;
    const found = await compute(this.#check, {text: value}, signal);
    if (this.value === value) this.#tell(found);
    return found;
  }

  set readOnly(value) {
    this.area.readOnly = value;
  }

  focus() {
    this.area.focus();
  }

  // Another form of the same JSON; can be undone. False if it is none.
  async format() {
    const {value} = this;
    const wrong = await this.look();
    if (wrong) {
      this.select(wrong.at, wrong.at + 1);
      return false;
    }
    const form = await compute('format', {text: value});
    if (this.value === value) this.replaceAll(form); // if somebody types meanwhile, it stays
    return true;
  }

  // Another text as one step that can be undone.
  replaceAll(text) {
    if (text === this.value) return;
    if (this.#text.isLong || text.length > WHOLE) this.#splice(0, this.value.length, text);
    else {
      this.area.setSelectionRange(0, this.value.length);
      typeInto(this.area, text);
    }
    this.select(0, 0);
  }

  // Select characters and let them be seen.
  select(start, end) {
    const {area} = this;
    const text = this.#text;
    const from = text.before.length;
    if (start < from || end > from + text.part.length) text.show(start);
    const last = text.before.length + text.part.length;
    this.#fill([start, Math.min(end, last)], text.lineAt(start) - area.clientHeight / 2 / LINE);
    area.scrollLeft = Math.max(0, text.columnAt(start) * 8 - area.clientWidth / 2);
    this.#moved();
  }

  // The line at the top, of the whole text.
  get #top() {
    return this.#text.line + this.area.scrollTop / LINE;
  }

  get #hasAll() {
    const {selectionStart, selectionEnd} = this.area;
    return this.#isAll && selectionStart === 0 && selectionEnd === this.#text.part.length;
  }

  // Let the part be what is around a place, with this line at the top, or with that of the place.
  #show(at, top = this.#top) {
    const {selection} = this;
    this.#text.show(at);
    this.#fill(selection, top ?? this.#text.lineAt(at));
  }

  // Put the part into the field.
  #fill([start, end], top) {
    const {area} = this;
    const {before, part, line} = this.#text;
    if (area.value !== part) area.value = part;
    const from = start - before.length;
    const to = end - before.length;
    this.#isAll = false;
    this.#away = from >= 0 && to <= part.length ? null : [start, end];
    if (!this.#away) area.setSelectionRange(from, to);
    this.#drawPart();
    area.scrollTop = Math.max(0, top - line) * LINE;
  }

  #drawPart() {
    const {part, isLong, lines} = this.#text;
    this.#isOwn ||= isLong;
    this.#lines = part.split('\n');
    this.#marks = null;
    this.style.setProperty('--digits', String(lines).length);
    this.classList.toggle('long', isLong);
    this.bar.hidden = !isLong;
    this.#draw();
  }

  // What is selected becomes another text, by other means than the field's own.
  #put(event, text) {
    event.preventDefault();
    this.#splice(...this.selection, text);
  }

  #splice(start, end, text) {
    this.#text.splice(start, end, text);
    this.#edited(start + text.length);
  }

  #edited(at) {
    this.select(at, at);
    this.area.dispatchEvent(new InputEvent('input', {bubbles: true}));
  }

  #insert(text) {
    if (this.#hasAll) this.#splice(...this.selection, text);
    else typeInto(this.area, text);
  }

  #changed() {
    const text = this.#text;
    text.edited(this.area.value);
    if (text.part.length > WHOLE) this.#show(this.selection[0]);
    else this.#drawPart();
    this.#validate();
  }

  // Where what is seen comes near to an end of the part, the part moves on.
  #scrolled() {
    const {scrollTop, clientHeight, scrollHeight} = this.area;
    const {before, after} = this.#text;
    if ((before && scrollTop < clientHeight) || (after && scrollTop + 2 * clientHeight > scrollHeight)) {
      this.#show(before.length + this.#lengthOf(Math.floor((scrollTop + clientHeight / 2) / LINE)));
    }
    this.#draw();
  }

  // The part ends within a line that is longer than itself, so it can be scrolled no further: on to the next line, or the one before.
  #beyond(way) {
    const {scrollTop, clientHeight, scrollHeight} = this.area;
    const {before, part, after, value} = this.#text;
    if (way > 0 && after && scrollTop + clientHeight >= scrollHeight - 1) this.#show(value.indexOf('\n', before.length + part.length) + 1 || value.length, null);
    else if (way < 0 && before && scrollTop < 1) this.#show(Math.max(0, value.lastIndexOf('\n', before.length - 1)), null);
  }

  // Where a key leads within a line that is longer than the part; null if that is in the part.
  #alongLine(key, start, end) {
    const {before, after, part, value} = this.#text;
    if (after && (key === 'End' || key === 'ArrowDown') && !part.includes('\n', end - before.length)) {
      const last = value.indexOf('\n', end);
      return last < 0 ? value.length : last + Number(key === 'ArrowDown');
    }
    if (before && (key === 'Home' || key === 'ArrowUp') && !part.slice(0, start - before.length).includes('\n')) {
      return Math.max(0, value.lastIndexOf('\n', start - 1) + Number(key === 'Home'));
    }
    return null;
  }

  // The characters of the first lines of the part.
  #lengthOf(lines) {
    let sum = 0;
    for (let at = 0; at < Math.min(lines, this.#lines.length); at += 1) sum += this.#lines[at].length + 1;
    return sum;
  }

  #validated() {
    this.#looking?.abort();
    this.#looking = new AbortController();
    this.look(this.#looking.signal).catch(() => {}); // there is a newer text
  }

  #tell(found) {
    this.#problem = found;
    this.area.setAttribute('aria-invalid', String(found !== null));
    this.status.textContent = found ? `Line ${count(found.line)}, column ${count(found.column)}: ${found.message}` : '';
    this.#draw();
  }

  #moved() {
    if (this.#away) return;
    const {part, before, lines, isLong} = this.#text;
    const [at] = this.selection;
    this.#marks = matchingBrackets(part, at - before.length);
    this.place.textContent = `${count(this.#text.lineAt(at) + 1)} : ${count(this.#text.columnAt(at) + 1)}${isLong ? ` of ${count(lines)} lines` : ''}`;
    this.#draw();
  }

  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.isConnected) this.#paint();
    });
  }

  #paint() {
    const {scrollTop, scrollLeft, clientHeight} = this.area;
    const first = Math.max(0, Math.floor(scrollTop / LINE) - BESIDE);
    const last = Math.min(this.#lines.length, Math.ceil((scrollTop + clientHeight) / LINE) + BESIDE);
    const {line, before} = this.#text;
    let start = this.#lengthOf(first);
    this.bar.value = (before.length + start) / this.#text.length * STEPS;
    const rows = [];
    const numbers = [];
    for (let at = first; at < last; at += 1) {
      rows.push(this.#line(this.#lines[at], start, at), '\n');
      numbers.push(h('div', {class: line + at + 1 === this.#problem?.line && 'bad'}, line + at + 1));
      start += this.#lines[at].length + 1;
    }
    replace(this.back, rows);
    replace(this.numbers, numbers);
    const top = first * LINE - scrollTop;
    this.back.style.transform = `translate(${-scrollLeft}px, ${top}px)`;
    this.numbers.style.transform = `translateY(${top}px)`;
  }

  // A line in colour, the brackets of the cursor and the place of the problem marked.
  #line(line, start, index) {
    const marks = (this.#marks ?? []).map((at) => at - start).filter((at) => at >= 0 && at < line.length);
    const {line: before, before: {length}} = this.#text;
    const bad = before + index + 1 === this.#problem?.line ? this.#problem.at - length - start : -1;
    let at = 0;
    return colours(line).map(([text, kind]) => {
      const from = at;
      at += text.length;
      const isMarked = kind === 'j-mark' && marks.includes(from);
      const isBad = bad >= from && (bad < at || (bad === line.length && at === line.length));
      return kind || isBad ? h('span', {class: [kind, isMarked && 'match', isBad && 'bad'].filter(Boolean).join(' ')}, text) : text;
    });
  }

  #onKey(event, submit) {
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key === 's' && submit) submit();
    else if (held && event.key === 'f') this.find.open();
    else if (held && event.key === 'g') this.find.next(event.shiftKey ? -1 : 1);
    else if (this.#isOwn && this.#onKeyInPart(event, held)) return;
    else if (held || event.altKey || this.area.readOnly) return;
    else if (event.key === 'Tab' && !event.shiftKey) this.#insert('  ');
    else if (event.key === 'Enter') this.#newLine();
    else return;
    event.preventDefault();
  }

  // Keys that mean all of the text, where the field has a part of it. For others the cursor has to be in the part, with text around it.
  #onKeyInPart(event, held) {
    const {before, after, part, length} = this.#text;
    const key = held && !event.altKey ? event.key.toLowerCase() : '';
    if (key === 'a') {
      this.area.select();
      this.#isAll = true;
    } else if (key === 'home') this.select(0, 0);
    else if (key === 'end') this.select(length, length);
    else if ((key === 'z' || key === 'y') && !this.area.readOnly) {
      const at = this.#text.undo(key === 'y' || event.shiftKey);
      if (at !== null) this.#edited(at);
    } else {
      if (HELD.includes(event.key) || this.#hasAll) return false;
      const [start, end] = this.selection;
      const place = held || event.shiftKey ? null : this.#alongLine(event.key, start, end);
      const isAtEdge = (before && start - before.length < EDGE) || (after && before.length + part.length - end < EDGE);
      if (this.#away) this.select(start, end);
      else if (isAtEdge && end - start < EDGE) this.#show(start);
      if (place === null) return false;
      this.select(place, place);
    }
    event.preventDefault();
    return true;
  }

  // A line end, and as many spaces as the line before has; two more behind an opening bracket.
  #newLine() {
    const {value, selectionStart: at, selectionEnd: end} = this.area;
    const line = value.slice(value.lastIndexOf('\n', at - 1) + 1, at);
    const [spaces] = /^\s*/.exec(line);
    const opens = /[{[]\s*$/.test(line);
    const closes = opens && /[}\]]/.test(value[end] ?? '');
    this.#insert(`\n${spaces}${opens ? '  ' : ''}${closes ? `\n${spaces}` : ''}`);
    if (closes) {
      const place = this.area.selectionStart - spaces.length - 1;
      this.area.setSelectionRange(place, place);
    }
  }
}

customElements.define('json-editor', JsonEditor);

export const jsonEditor = (options) => document.createElement('json-editor').configure(options);
