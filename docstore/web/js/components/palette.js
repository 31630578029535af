// The jump palette: one field that finds places, databases, documents and actions.
//
// Owns the field and its list. What can be done comes from `places.js`; databases and documents are asked for by ranges of
// keys, a few at a time, and the answer to what has been typed over is thrown away.

import {json, key, path} from '../api.js';
import {debounced, h, replace, uniqueId} from '../dom.js';
import {ACTIONS, DATABASE_TABS, PLACES} from '../places.js';
import {go} from '../router.js';

const SHOWN = 8;
const LAST = '\ufff0';

// `db` is the database where the page is, if it is in one.
export function openPalette(db) {
  if (document.querySelector('dialog.palette')) return;
  const listId = uniqueId('found');
  const list = h('ul', {id: listId, role: 'listbox', 'aria-label': 'Found'});
  const field = h('input', {type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': listId, 'aria-autocomplete': 'list',
    'aria-label': db ? `Jump to a document of ${db}, a database or a place` : 'Jump to a database or a place',
    placeholder: db ? `Document of ${db}, database, place …` : 'Database, place …'});
  const dialog = h('dialog.palette', {'aria-label': 'Jump'}, field, list);
  let found = [];
  let at = 0;
  let asked = new AbortController();

  function draw() {
    at = Math.max(0, Math.min(at, found.length - 1));
    replace(list, found.map(({title, hint}, index) => h('li', {
      role: 'option', id: `${listId}-${index}`, 'aria-selected': String(index === at), onclick: () => take(index),
    }, h('span', {}, title), h('small', {}, hint))));
    if (!found.length) list.append(h('li.quiet', {role: 'option', 'aria-selected': 'false', 'aria-disabled': 'true'}, 'Nothing found'));
    if (found.length) field.setAttribute('aria-activedescendant', `${listId}-${at}`);
    list.children[at]?.scrollIntoView({block: 'nearest'});
  }

  function take(index) {
    const one = found[index];
    if (!one) return;
    dialog.close();
    one.run();
  }

  async function look() {
    asked.abort();
    asked = new AbortController();
    const {signal} = asked;
    const words = field.value.trim();
    found = fixed(words, db);
    draw();
    if (!words) return;
    const parts = await Promise.all([databases(words, signal), documents(words, db, signal)].map((one) => one.catch(() => [])));
    if (signal.aborted) return;
    found = [...parts[1], ...parts[0], ...fixed(words, db)];
    draw();
  }

  const ask = debounced(look, 60);
  field.addEventListener('input', () => {
    at = 0;
    ask();
  });
  field.addEventListener('keydown', (event) => {
    const move = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (move && found.length) {
      at = (at + move + found.length) % found.length;
      draw();
    } else if (event.key === 'Enter') take(at);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => {
    asked.abort();
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
  look();
}

function fixed(words, db) {
  const all = [
    ...(db ? DATABASE_TABS.map(([title, to]) => ({title, hint: `of ${db}`, run: () => go(['db', db, ...to])})) : []),
    ...PLACES.map(([title, to, hint]) => ({title, hint, run: () => go(to)})),
    ...ACTIONS.filter(([, , , inside]) => db || !inside).map(([title, hint, run]) => ({title, hint, run: () => run(db)})),
  ];
  const wanted = words.toLowerCase();
  return all.filter(({title}) => title.toLowerCase().includes(wanted));
}

async function databases(words, signal) {
  const names = await json('_all_dbs', {query: {startkey: key(words), endkey: key(words + LAST), limit: SHOWN}, signal});
  return names.map((name) => ({title: name, hint: 'database', run: () => go(['db', name])}));
}

// Documents of this database by the beginning of their ids, or of another one: `films/al`.
async function documents(words, db, signal) {
  const slash = words.indexOf('/');
  const tries = [];
  if (db) tries.push([db, words]);
  if (slash > 0) tries.push([words.slice(0, slash), words.slice(slash + 1)]);
  const lists = await Promise.all(tries.map(async ([name, start]) => {
    const query = {startkey: key(start), endkey: key(start + LAST), limit: SHOWN};
    const {rows} = await json(`${path(name)}/_all_docs`, {query, signal});
    return rows.map(({id}) => ({title: id, hint: `document of ${name}`, run: () => go(['db', name, 'doc', id])}));
  }).map((one) => one.catch(() => [])));
  return lists.flat();
}
