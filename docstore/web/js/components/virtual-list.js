// A list that draws only the rows that are seen: of a hundred rows or of a hundred million.
//
// Owns scrolling, the active row and its keys (arrows, j and k, page keys, Home, End, Enter, Space). It must not know what
// a row is: whoever uses it draws cells by index, and draws them again when more is known (`refresh`).
//
// What is seen stands in a window that does not scroll with the content, so the browser never paints an empty frame
// before this code has run. Beyond MOST pixels, where browsers end an element, a turn of the wheel still moves by its
// own pixels, and the bar by its share of the whole.

import {append, h, replace, uniqueId} from '../dom.js';

const MOST = 6_000_000;
const JUMP = 4; // heights of the window: what moves further at once is the bar, not the wheel
const BESIDE = 3; // rows drawn above and below what is seen
const MOVES = {ArrowDown: 1, j: 1, ArrowUp: -1, k: -1};

class VirtualList extends HTMLElement {
  #options = {count: 0, rowHeight: 34, draw: () => null};
  #rows = new Map();
  #offset = 0; // pixels of the whole above the window
  #lastTop = 0;
  #active = -1;
  #revealing = -1;
  #frame = 0;
  #settling = 0;
  #prefix = uniqueId('row');
  #resized = new ResizeObserver(() => this.#render());

  // `count` of rows; `draw(index)` gives the cells of a row (elements or texts), or null while they are not known, when `guess(index)`
  // gives those that take their place; `head` the titles; `columns` a template of grid columns; `label` its accessible name. `onRange(first, last)` tells
  // what is seen, `onOpen(index)` of Enter, `onSelect(index)` of Space, `onActive(index)` of a move;
  // `isSelected(index)` is asked if rows can be selected.
  configure(options) {
    Object.assign(this.#options, options);
    if (!this.scroller) this.#build();
    const {label, columns, head} = this.#options;
    this.scroller.setAttribute('aria-label', label ?? '');
    if (columns) this.style.setProperty('--columns', columns);
    this.headRow.hidden = !head;
    if (head) replace(this.headRow, head.map((title) => h('div', {role: 'columnheader'}, title)));
    this.count = this.#options.count;
    return this;
  }

  #build() {
    this.headRow = h('div', {class: 'v-head', role: 'row', 'aria-rowindex': 1});
    this.windowed = h('div', {class: 'v-window'});
    this.space = h('div', {class: 'v-space'}, this.windowed);
    this.scroller = h('div', {class: 'v-scroll', role: 'grid', tabindex: '0'}, h('div', {class: 'v-wide'}, this.headRow, this.space));
    this.scroller.addEventListener('scroll', () => this.#scrolled(), {passive: true});
    this.scroller.addEventListener('keydown', (event) => this.#onKey(event));
    this.windowed.addEventListener('click', (event) => this.#onClick(event));
    this.windowed.addEventListener('pointerup', () => this.refresh());
    replace(this, this.scroller);
    this.#resized.observe(this.scroller);
  }

  disconnectedCallback() {
    this.#resized.disconnect();
    clearTimeout(this.#settling);
    cancelAnimationFrame(this.#frame);
  }

  connectedCallback() {
    if (this.scroller) this.#resized.observe(this.scroller);
  }

  get count() {
    return this.#options.count;
  }

  set count(value) {
    this.#options.count = value;
    this.scroller.setAttribute('aria-rowcount', value + 1);
    this.space.style.height = `${Math.min(this.#whole, MOST)}px`;
    if (this.#active >= value) this.#active = value - 1;
    this.#offset = Math.min(this.#offset, this.#mostOffset);
    this.refresh();
  }

  get active() {
    return this.#active;
  }

  set active(index) {
    this.#active = Math.max(-1, Math.min(index, this.count - 1));
    if (this.#active >= 0) this.reveal(this.#active);
    this.refresh();
    this.#options.onActive?.(this.#active);
  }

  // The first and the last row that are seen at least in part.
  get range() {
    const height = this.#options.rowHeight;
    const first = Math.floor(this.#offset / height);
    return [first, Math.max(first, Math.min(this.count - 1, Math.ceil((this.#offset + this.#seen) / height) - 1))];
  }

  // Draw the rows anew.
  refresh() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      for (const row of this.#rows.values()) row.stale = true;
      this.#render();
    });
  }

  // Let a row be the first that is seen.
  scrollTo(index) {
    this.#moveTo(index * this.#options.rowHeight);
  }

  // Let a row be seen, moving no more than it takes; before the list has a place on the page, once it has one.
  reveal(index) {
    this.#revealing = this.#seen ? -1 : index;
    if (!this.#seen) return;
    const height = this.#options.rowHeight;
    if (index * height < this.#offset) this.#moveTo(index * height);
    else if ((index + 1) * height > this.#offset + this.#seen) this.#moveTo((index + 1) * height - this.#seen);
  }

  focus(options) {
    this.scroller.focus(options);
  }

  get #whole() {
    return this.count * this.#options.rowHeight;
  }

  get #seen() {
    return Math.max(0, this.scroller.clientHeight - (this.headRow.hidden ? 0 : this.headRow.offsetHeight));
  }

  get #mostOffset() {
    return Math.max(0, this.#whole - this.#seen);
  }

  get #mostTop() {
    return Math.max(0, Math.min(this.#whole, MOST) - this.#seen);
  }

  #moveTo(offset) {
    this.#offset = Math.max(0, Math.min(offset, this.#mostOffset));
    this.#settle();
    this.#render();
  }

  // The scroll bar where the offset is.
  #settle() {
    const most = this.#mostOffset;
    const top = this.#whole <= MOST ? this.#offset : (most ? this.#offset / most : 0) * this.#mostTop;
    this.scroller.scrollTop = top;
    this.#lastTop = this.scroller.scrollTop;
  }

  #scrolled() {
    const top = this.scroller.scrollTop;
    const delta = top - this.#lastTop;
    if (!delta) return;
    this.#lastTop = top;
    if (this.#whole <= MOST) this.#offset = top;
    else this.#scaled(top, delta);
    this.#render();
  }

  #scaled(top, delta) {
    const most = this.#mostOffset;
    const isAtEnd = top <= 0 || top >= this.#mostTop - 1;
    if (Math.abs(delta) > this.#seen * JUMP) this.#offset = (top / this.#mostTop) * most;
    else this.#offset = Math.max(0, Math.min(this.#offset + delta, most));
    clearTimeout(this.#settling);
    if (isAtEnd) {
      const left = top <= 0 ? this.#offset : most - this.#offset;
      if (left < this.#seen * 4) this.#offset = top <= 0 ? 0 : most;
      this.#settle();
    } else this.#settling = setTimeout(() => this.#settle(), 250);
  }

  #render() {
    if (!this.isConnected || !this.scroller.clientHeight) return;
    const {rowHeight, onRange} = this.#options;
    if (this.#revealing >= 0) this.reveal(this.#revealing);
    if (this.#offset > this.#mostOffset) { // it was scrolled before it had a height, or has a greater one now
      this.#offset = this.#mostOffset;
      this.#settle();
    }
    const [first, last] = this.range;
    const from = Math.max(0, first - BESIDE);
    const to = Math.min(this.count - 1, last + BESIDE);
    this.windowed.style.height = `${this.#seen}px`;
    for (const [index, row] of this.#rows) {
      if (index < from || index > to) {
        row.remove();
        this.#rows.delete(index);
      }
    }
    for (let index = from; index <= to; index += 1) {
      const row = this.#row(index);
      row.style.transform = `translateY(${index * rowHeight - this.#offset}px)`;
    }
    const active = this.#rows.get(this.#active);
    if (active) this.scroller.setAttribute('aria-activedescendant', active.id);
    else this.scroller.removeAttribute('aria-activedescendant');
    if (this.count) onRange?.(first, last);
  }

  #row(index) {
    let row = this.#rows.get(index);
    // What is being pressed stays until it is let go: a click is one only on the element that it began on.
    if (row && (!row.stale || row.matches(':active'))) return row;
    const cells = this.#options.draw(index);
    if (!row) {
      row = h('div', {class: 'v-row', role: 'row', id: `${this.#prefix}-${index}`, 'aria-rowindex': index + 2});
      row.style.height = `${this.#options.rowHeight}px`;
      row.index = index;
      this.#rows.set(index, row);
      this.windowed.append(row);
    }
    const focused = row.contains(document.activeElement) ? [...row.querySelectorAll('*')].indexOf(document.activeElement) : -1;
    row.stale = false;
    row.classList.toggle('unknown', cells === null);
    row.classList.toggle('active', index === this.#active);
    const selected = this.#options.isSelected?.(index);
    if (selected !== undefined) row.setAttribute('aria-selected', String(selected));
    row.replaceChildren();
    append(row, (cells ?? this.#options.guess?.(index) ?? ['…']).map((cell) => h('div', {role: 'gridcell'}, cell)));
    if (focused >= 0) row.querySelectorAll('*')[focused]?.focus({preventScroll: true});
    return row;
  }

  #onClick(event) {
    const row = event.target.closest('.v-row');
    if (!row) return;
    this.#active = row.index;
    this.refresh();
    this.#options.onActive?.(row.index);
  }

  // Keys of the list; a view may hand over those that it was given.
  #onKey(event) {
    if (event.target !== this.scroller) return;
    if (this.press(event)) event.preventDefault();
  }

  // Whether a key meant something here.
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.count) return false;
    const page = Math.max(1, Math.floor(this.#seen / this.#options.rowHeight) - 1);
    const move = MOVES[event.key] ?? {PageDown: page, PageUp: -page}[event.key];
    if (move) this.active = Math.max(0, this.#active + move);
    else if (event.key === 'Home') this.active = 0;
    else if (event.key === 'End') this.active = this.count - 1;
    else if (this.#active < 0) return false;
    else if (event.key === 'Enter' && this.#options.onOpen) this.#options.onOpen(this.#active);
    else if (event.key === ' ' && this.#options.onSelect) this.#options.onSelect(this.#active);
    else return false;
    return true;
  }
}

customElements.define('virtual-list', VirtualList);

export const virtualList = (options) => document.createElement('virtual-list').configure(options);
