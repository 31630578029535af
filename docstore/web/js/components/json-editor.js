// An editor for JSON text: line numbers, colours, brackets, errors as one types, find, formatting.
//
// Owns a plain text field, which has the text, and behind it the same lines in colour, of which only those that are seen are
// there. It must not know what the text is about. What is typed is never changed but by the keys below and by `format`.

import {debounced, h, replace, typeInto, uniqueId} from '../dom.js';
import {count} from '../format.js';
import {colours, matchingBrackets} from '../lossless/colours.js';
import {compute} from '../merge/off-page.js';
import {findBar} from './find-bar.js';

const LINE = 20; // pixels, as in editor.css
const BESIDE = 4;
const LONG = 1_000_000; // characters

class JsonEditor extends HTMLElement {
  #lines = [''];
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
    this.find = findBar(this);
    replace(this, this.find.element,
      h('div', {class: 'e-body'}, this.numbers, h('div', {class: 'e-text'}, this.back, this.area)),
      h('div', {class: 'e-foot'}, this.status, this.place));
    const {area} = this;
    area.addEventListener('scroll', () => this.#draw(), {passive: true});
    area.addEventListener('input', () => this.#changed());
    area.addEventListener('keydown', (event) => this.#onKey(event, submit));
    for (const name of ['keyup', 'click', 'focus', 'select']) area.addEventListener(name, () => this.#moved());
    new ResizeObserver(() => this.#draw()).observe(area);
    this.#changed();
    return this;
  }

  get value() {
    return this.area.value;
  }

  // Another text; the cursor stays in its line.
  set value(text) {
    const {selectionStart, scrollTop, scrollLeft} = this.area;
    this.area.value = text;
    this.area.setSelectionRange(selectionStart, selectionStart);
    this.area.scrollTo(scrollLeft, scrollTop);
    this.#changed();
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

  // Another text as one step that can be undone, unless it is very long.
  replaceAll(text) {
    if (text === this.value) return;
    if (text.length > LONG) {
      this.value = text; // the browser's own undo would take seconds
      return;
    }
    this.area.setSelectionRange(0, this.value.length);
    typeInto(this.area, text);
    this.area.setSelectionRange(0, 0);
    this.area.scrollTo(0, 0);
  }

  // Select characters and let them be seen.
  select(start, end) {
    const {area} = this;
    area.setSelectionRange(start, end);
    const before = this.value.slice(0, start);
    const line = before.split('\n').length - 1;
    const column = start - before.lastIndexOf('\n') - 1;
    area.scrollTop = Math.max(0, line * LINE - area.clientHeight / 2);
    area.scrollLeft = Math.max(0, column * 8 - area.clientWidth / 2);
    this.#moved();
  }

  #changed() {
    this.#lines = this.area.value.split('\n');
    this.#marks = null;
    this.style.setProperty('--digits', String(this.#lines.length).length);
    this.#draw();
    this.#validate();
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
    const {selectionStart: at} = this.area;
    this.#marks = matchingBrackets(this.value, at);
    let line = 0;
    let start = 0;
    while (line + 1 < this.#lines.length && start + this.#lines[line].length < at) start += this.#lines[line++].length + 1;
    this.place.textContent = `${count(line + 1)} : ${count(at - start + 1)}`;
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
    let start = 0;
    for (let at = 0; at < first; at += 1) start += this.#lines[at].length + 1;
    const rows = [];
    const numbers = [];
    for (let at = first; at < last; at += 1) {
      rows.push(this.#line(this.#lines[at], start, at), '\n');
      numbers.push(h('div', {class: at + 1 === this.#problem?.line && 'bad'}, at + 1));
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
    const bad = index + 1 === this.#problem?.line ? this.#problem.column - 1 : -1;
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
    else if (held || event.altKey || this.area.readOnly) return;
    else if (event.key === 'Tab' && !event.shiftKey) typeInto(this.area, '  ');
    else if (event.key === 'Enter') this.#newLine();
    else return;
    event.preventDefault();
  }

  // A line end, and as many spaces as the line before has; two more behind an opening bracket.
  #newLine() {
    const {selectionStart: at, selectionEnd: end} = this.area;
    const line = this.value.slice(this.value.lastIndexOf('\n', at - 1) + 1, at);
    const [spaces] = /^\s*/.exec(line);
    const opens = /[{[]\s*$/.test(line);
    const closes = opens && /[}\]]/.test(this.value[end] ?? '');
    typeInto(this.area, `\n${spaces}${opens ? '  ' : ''}${closes ? `\n${spaces}` : ''}`);
    if (closes) {
      const place = this.area.selectionStart - spaces.length - 1;
      this.area.setSelectionRange(place, place);
    }
  }
}

customElements.define('json-editor', JsonEditor);

export const jsonEditor = (options) => document.createElement('json-editor').configure(options);
