// All databases: names at once, numbers for those that are seen.

import {json, path, send} from '../api.js';
import {ask} from '../components/dialog.js';
import {virtualList} from '../components/virtual-list.js';
import {tellFailure, toast} from '../components/toast.js';
import {field, h} from '../dom.js';
import {bytes, count, many} from '../format.js';
import {go, link, setQuery} from '../router.js';
import {session} from '../session.js';

const AT_ONCE = 100; // the most names that _dbs_info takes

export async function show(outlet, {query}, signal) {
  const who = await session();
  let names;
  try {
    names = await json('_all_dbs', {signal});
  } catch (error) {
    if (error.status !== 403 && !(error.status === 401 && who.name !== null)) throw error;
    return showUnlisted(outlet);
  }
  const numbers = numbersOf(names, signal, () => list.refresh());
  let shown = names;

  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter databases by name', value: query.get('filter'),
    oninput: () => { narrow(); setQuery({filter: filter.value}); }});
  const told = h('span.quiet', {role: 'status'});
  const list = virtualList({
    count: 0, rowHeight: 38, label: 'Databases', columns: 'minmax(8rem, 3fr) repeat(4, minmax(4.5rem, 1fr))',
    head: ['Name', 'Documents', 'Deleted', 'Conflicts', 'Size'],
    draw: (index) => row(shown[index], numbers.get(shown[index])),
    onRange: (first, last) => numbers.want(shown.slice(first, last + 1)),
    onOpen: (index) => go(['db', shown[index]]),
  });
  function narrow() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = words.length ? names.filter((name) => words.every((word) => name.includes(word))) : names;
    list.count = shown.length;
    list.scrollTo(0);
    told.textContent = shown.length === names.length ? many(names.length, 'database') : `${count(shown.length)} of ${many(names.length, 'database')}`;
  }
  filter.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && shown.length) go(['db', shown[Math.max(0, list.active)]]);
    else if (event.key === 'ArrowDown') list.focus();
    else return;
    event.preventDefault();
  });
  outlet.addEventListener('viewkey', ({detail}) => {
    if (list.press(detail.event)) detail.event.preventDefault();
  });
  outlet.append(
    h('h1', {}, 'Databases'),
    h('div.bar-of-tools', {}, h('div.grow', {}, filter), told,
      who.isAdmin && h('button.primary', {onclick: create}, 'New database')),
    names.length ? list : h('p.empty', {}, 'There is no database yet.'));
  if (names.length) narrow();
}

function row(name, known) {
  const info = known?.info;
  return [
    h('a', {href: link(['db', name]), tabindex: '-1'}, name),
    h('span.number', {}, info ? count(info.doc_count) : '…'),
    h('span.number.quiet', {}, info ? count(info.doc_del_count) : '…'),
    known?.conflicts ? h('span.badge.warn', {}, count(known.conflicts)) : h('span.quiet', {}, known?.conflicts === 0 ? '0' : ''),
    h('span.number', {}, info ? bytes(info.sizes.file) : '…'),
  ];
}

// What is told of databases, fetched when it is wanted: `want(names)`, then `get(name)` and a call of `changed`.
function numbersOf(names, signal, changed) {
  const known = new Map();
  const asked = new Set();
  async function fetchSome(some) {
    const rows = await send('POST', '_dbs_info', {json: {keys: some}, signal});
    for (const {key, info} of rows) known.set(key, {info});
    changed();
    await Promise.all(some.map(async (name) => {
      const {total_rows: conflicts} = await json(`${path(name)}/_conflicts`, {query: {limit: 0}, signal});
      Object.assign(known.get(name), {conflicts});
    }).map((one) => one.catch(() => {})));
    changed();
  }
  return {
    get: (name) => known.get(name),
    want(wanted) {
      const some = wanted.filter((name) => !asked.has(name)).slice(0, AT_ONCE);
      if (!some.length) return;
      some.forEach((name) => asked.add(name));
      fetchSome(some).catch((error) => signal.aborted || tellFailure(error));
    },
  };
}

async function create() {
  const name = h('input', {name: 'name', required: true, pattern: '[a-z][a-z0-9_$\\(\\)+\\-\\/]*'});
  const partitioned = h('input', {type: 'checkbox', id: 'partitioned'});
  const made = await ask({
    title: 'New database', button: 'Create',
    content: [field('Name', name, 'A small letter, then small letters, digits and _ $ ( ) + - /'),
      h('label.check', {}, partitioned, 'Partitioned: ids are PARTITION:REST, and queries may ask one partition')],
    submit: async () => {
      await send('PUT', path(name.value), {query: partitioned.checked ? {partitioned: true} : {}});
      return name.value;
    },
  });
  if (made === null) return;
  toast(`${made} was made.`);
  go(['db', made]);
}

// Who may not list the databases may still open one by its name.
function showUnlisted(outlet) {
  const name = h('input', {required: true});
  outlet.append(
    h('h1', {}, 'Databases'),
    h('p', {}, 'You may not list the databases of this server. You can open one whose name you know.'),
    h('form.stack', {onsubmit: (event) => { event.preventDefault(); go(['db', name.value]); }},
      field('Name of a database', name), h('div.buttons', {}, h('button.primary', {}, 'Open'))));
}

