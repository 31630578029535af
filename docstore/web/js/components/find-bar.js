// The find field of an editor: Enter and Shift+Enter go from place to place, Escape goes back to the text.

import {h} from '../dom.js';
import {count} from '../format.js';

// `editor` has `value`, `selection`, `select(start, end)` and `focus()`.
export function findBar(editor) {
  const field = h('input', {type: 'text', 'aria-label': 'Find in the text', placeholder: 'Find'});
  const told = h('span', {class: 'quiet', role: 'status'});
  const element = h('div', {class: 'e-find', hidden: true}, field,
    h('button', {type: 'button', 'aria-label': 'Previous', onclick: () => next(-1)}, '↑'),
    h('button', {type: 'button', 'aria-label': 'Next', onclick: () => next(1)}, '↓'), told,
    h('button', {type: 'button', class: 'plain spread', 'aria-label': 'Close', onclick: close}, '✕'));
  let places = [];
  let seen = null;
  let text = '';

  function look() {
    if (seen !== editor.value) text = (seen = editor.value).toLowerCase();
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
    const here = editor.selection[step > 0 ? 1 : 0];
    const behind = places.findIndex((at) => at >= here);
    const from = behind < 0 ? places.length : behind;
    const index = ((step > 0 ? from : from - 1) + places.length) % places.length;
    editor.select(places[index], places[index] + field.value.length);
    told.textContent = `${count(index + 1)} of ${count(places.length)}`;
  }

  function open() {
    element.hidden = false;
    const marked = editor.value.slice(...editor.selection);
    if (marked.length < 200 && /^.+$/.test(marked)) field.value = marked;
    field.focus();
    field.select();
  }

  function close() {
    element.hidden = true;
    editor.focus();
  }

  field.addEventListener('input', () => {
    editor.select(0, 0);
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
