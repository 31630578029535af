// A button that opens a list of things to do. Arrow keys, Home and End move in it, Escape closes it.

import {h, uniqueId} from '../dom.js';

// `items` is a list of [label, call] or null for a line; `[label, call, {danger}]`.
export function menu(label, items, attributes = {}) {
  const list = h('div.menu-list', {role: 'menu', id: uniqueId('menu'), hidden: true});
  const button = h('button', {type: 'button', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-controls': list.id,
    ...attributes, onclick: () => toggle(list.hidden)}, label);
  const holder = h('div.menu', {}, button, list);

  const entries = () => [...list.querySelectorAll('[role=menuitem]')];
  function toggle(open) {
    list.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    if (open) entries()[0]?.focus();
  }
  function run(call) {
    toggle(false);
    button.focus();
    call();
  }
  for (const item of items) {
    list.append(item === null ? h('hr', {role: 'separator'})
      : h('button', {type: 'button', role: 'menuitem', tabindex: '-1', class: item[2]?.danger && 'danger', onclick: () => run(item[1])}, item[0]));
  }
  holder.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    const all = entries();
    const at = all.indexOf(document.activeElement);
    const to = {ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1}[event.key];
    if (event.key === 'Escape') {
      toggle(false);
      button.focus();
    } else if (to === undefined) return;
    else all[(to + all.length) % all.length]?.focus();
    event.preventDefault();
    event.stopPropagation();
  });
  holder.addEventListener('focusout', (event) => {
    if (!holder.contains(event.relatedTarget)) toggle(false);
  });
  return holder;
}
