// The find field of an editor: Enter and Shift+Enter go from place to place, Escape goes back to the text.

import {h} from '../dom.js';
import {count} from '../format.js';

// `editor` has `value`, `select(start, end)`, `focus()` and `area`.
export function findBar(editor) {
  const field = h('input', {type: 'text', 'aria-label': 'Find in the text', placeholder: 'Find'});
  const told = h('span', {class: 'quiet', role: 'status'});
  const element = h('div', {class: 'e-find', hidden: true}, field,
    h('button', {type: 'button', 'aria-label': 'Previous', onclick: () => next(-1)}, '↑'),
    h('button', {type: 'button', 'aria-label': 'Next', onclick: () => next(1)}, '↓'), told,
    h('button', {type: 'button', class: 'plain spread', 'aria-label': 'Close', onclick: close}, '✕'));
  let places = [];

  function look() {
    const text = editor.value.toLowerCase();
    const wanted = field.value.toLowerCase();
    places = [];
    for (let at = wanted ? text.indexOf(wanted) : -1; at >= 0; at = text.indexOf(wanted, at + wanted.length)) places.push(at);
  }

  function next(step) {
    look();
    if (!places.length) {
      told.textContent = field.value ? 'Not found' : '';
      return;
    }
    const {selectionStart, selectionEnd} = editor.area;
    const behind = places.findIndex((at) => at >= (step > 0 ? selectionEnd : selectionStart));
    const from = behind < 0 ? places.length : behind;
    const index = ((step > 0 ? from : from - 1) + places.length) % places.length;
    editor.select(places[index], places[index] + field.value.length);
    told.textContent = `${count(index + 1)} of ${count(places.length)}`;
  }

  function open() {
    element.hidden = false;
    const {selectionStart, selectionEnd} = editor.area;
    const marked = editor.value.slice(selectionStart, selectionEnd);
    if (marked && !marked.includes('\n')) field.value = marked;
    field.focus();
    field.select();
  }

  function close() {
    element.hidden = true;
    editor.focus();
  }

  field.addEventListener('input', () => {
    editor.area.setSelectionRange(0, 0);
    next(1);
  });
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') next(event.shiftKey ? -1 : 1);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {element, open, next};
}
