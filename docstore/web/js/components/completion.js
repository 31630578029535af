// A list below a word that is being typed, of what it may become: arrows choose, Enter and Tab take, Escape closes, Ctrl+Space asks for it.
//
// Owns the list, its keys and its place. It must not know what the words mean.

import {h, replace, typeInto, uniqueId} from '../dom.js';

const LEAVING = ['ArrowLeft', 'ArrowRight', 'Home', 'End', 'PageUp', 'PageDown'];
const pen = document.createElement('canvas').getContext('2d');

// For an input or a text that does not wrap. `suggest(text, cursor, isAsked)` resolves with `{from, to, words}` or null; a word has `word`,
// what is shown, and `text`, what is put in. Answers the field.
export function completed(area, suggest) {
  const id = uniqueId('words');
  const list = h('ul', {id, class: 'completion', role: 'listbox', tabindex: '0', popover: 'manual', 'aria-label': 'What it may become', onmousedown: (event) => event.preventDefault()});
  const isCombobox = area.tagName === 'INPUT'; // a text of several lines may not be one, so it cannot say that its list is open
  const said = isCombobox ? {role: 'combobox', 'aria-expanded': 'false'} : {'aria-haspopup': 'listbox'};
  for (const [name, value] of Object.entries({...said, 'aria-autocomplete': 'list'})) area.setAttribute(name, value);
  let found = null;
  let at = 0;
  let open = null;

  async function look(isAsked) {
    const {value, selectionStart} = area;
    const fresh = await suggest(value, selectionStart, isAsked);
    if (area.value !== value || area.selectionStart !== selectionStart || document.activeElement !== area) return;
    close();
    if (!fresh) return;
    found = fresh;
    open = new AbortController();
    at = 0;
    if (!list.isConnected) area.after(list);
    area.setAttribute('aria-controls', id);
    if (isCombobox) area.setAttribute('aria-expanded', 'true');
    replace(list, found.words.map(({word}, index) => h('li', {role: 'option', id: `${id}-${index}`, onclick: () => take(index)}, word)));
    list.showPopover();
    place();
    mark();
    for (const name of ['scroll', 'resize']) addEventListener(name, place, {capture: true, signal: open.signal});
  }

  function close() {
    if (!found) return;
    found = null;
    open.abort();
    list.hidePopover();
    area.removeAttribute('aria-controls');
    area.removeAttribute('aria-activedescendant');
    if (isCombobox) area.setAttribute('aria-expanded', 'false');
  }

  function mark() {
    [...list.children].forEach((one, index) => one.setAttribute('aria-selected', String(index === at)));
    area.setAttribute('aria-activedescendant', `${id}-${at}`);
    list.children[at].scrollIntoView({block: 'nearest'});
  }

  // Below the beginning of the word, or above it where there is no room.
  function place() {
    const style = getComputedStyle(area);
    const box = area.getBoundingClientRect();
    const before = area.value.slice(0, found.from).split('\n');
    const height = isCombobox ? box.height : parseFloat(style.lineHeight) || 20;
    pen.font = `${style.fontSize} ${style.fontFamily}`;
    const left = box.left + parseFloat(style.paddingLeft) + pen.measureText(before.at(-1)).width - area.scrollLeft;
    const top = box.top + (before.length - 1) * height - area.scrollTop;
    const below = top + height + 2;
    list.style.left = `${Math.max(4, Math.min(left, innerWidth - list.offsetWidth - 4))}px`;
    list.style.top = `${below + list.offsetHeight < innerHeight ? below : Math.max(4, top - list.offsetHeight - 2)}px`;
  }

  function take(index) {
    const {from, to, words} = found;
    close();
    area.setSelectionRange(from, to);
    typeInto(area, words[index].text);
  }

  area.addEventListener('input', () => look(false));
  for (const name of ['blur', 'click']) area.addEventListener(name, close);
  area.addEventListener('keydown', (event) => {
    const {key} = event;
    const move = {ArrowDown: 1, ArrowUp: -1}[key];
    if (key === ' ' && event.ctrlKey) look(true);
    else if (!found) return;
    else if (event.ctrlKey || event.metaKey || event.altKey || LEAVING.includes(key)) return key.length > 1 && close();
    else if (move) {
      at = (at + move + found.words.length) % found.words.length;
      mark();
    } else if ((key === 'Enter' || key === 'Tab') && !event.shiftKey) take(at);
    else if (key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation(); // of what the key means elsewhere
  }, {capture: true});
  return area;
}
