// The keys: those that work everywhere, and those of the view.

import {h} from '../dom.js';
import {ask} from './dialog.js';

const EVERYWHERE = [
  ['/', 'jump to a database, a document, a place'],
  ['j k', 'down and up in a list; arrows, Page, Home and End as well'],
  ['Enter', 'open what is marked'],
  ['f', 'the filter of a list'],
  ['t', 'light or dark'],
  ['?', 'these keys'],
  ['Esc', 'close, or leave a field'],
];

// `keys` is a list of [key, what it does].
export function openHelp(keys = []) {
  const table = (rows) => h('table.plain-table', {}, h('tbody', {}, rows.map(([names, what]) =>
    h('tr', {}, h('td', {}, names.split(' ').map((name, at) => [at ? ' ' : null, h('kbd', {}, name)])), h('td', {}, what)))));
  const content = [keys.length ? [h('h3', {}, 'Here'), table(keys)] : null, keys.length ? h('h3', {}, 'Everywhere') : null, table(EVERYWHERE)];
  return ask({title: 'Keys', content, button: null});
}
