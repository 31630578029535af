// The documents of a database that are in conflict, and what to do with one or with all of them.

import {json, path, send} from '../api.js';
import {ask} from '../components/dialog.js';
import {toast} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {field, h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {go, link, show as showAgain} from '../router.js';
import {shortRev} from '../tree/history.js';

const PAGE = 200;

export const keys = [['Enter', 'merge'], ['r', 'the tree of revisions']];

export async function show(outlet, {db}, signal) {
  const rows = [];
  let total = 0;
  let reading = false;

  async function readOn() {
    if (reading || (rows.length && rows.length >= total)) return;
    reading = true;
    const last = rows.at(-1);
    const query = last ? {startkey: JSON.stringify(last.id), skip: 1} : {};
    try {
      const page = await json(path(db, '_conflicts'), {query: {limit: PAGE, counts: true, include_meta: true, ...query}, signal});
      rows.push(...page.rows);
      total = page.rows.length ? page.total_rows : rows.length;
    } finally {
      reading = false;
    }
  }
  // So many rows can be scrolled to: those that are there and the next page, however many follow.
  const reached = () => Math.min(total, rows.length + PAGE);
  await readOn();

  const list = virtualList({
    count: reached(), rowHeight: 38, label: 'Documents in conflict', columns: 'minmax(7rem, 1fr) minmax(6rem, 1fr) minmax(6rem, 1fr) 4rem',
    head: ['Document', 'Winner', 'Against', ''],
    draw: (index) => rows[index] && drawRow(db, rows[index]),
    onRange: (_, seen) => seen >= rows.length - 1 && rows.length < total && readOn().then(() => { list.count = reached(); }, () => {}),
    onOpen: (index) => rows[index] && go(['db', db, 'doc', rows[index].id, 'merge']),
  });
  outlet.addEventListener('viewkey', ({detail}) => {
    const row = rows[list.active];
    if (detail.key === 'r' && row) go(['db', db, 'doc', row.id, 'tree']);
    else if (!list.press(detail.event)) return;
    detail.event.preventDefault();
  });
  outlet.append(
    h('h1', {}, `Conflicts in ${db}`),
    h('p.quiet', {}, total ? `${many(total, 'document')} with more than one live revision. Nothing of them is lost until somebody resolves them.`
      : 'No document of this database is in conflict.'),
    ...(total ? [h('div.bar-of-tools', {}, h('button', {onclick: () => resolveAll(db, signal)}, 'Resolve all…'),
      h('span.quiet', {}, h('kbd', {}, 'Enter'), ' merge  ', h('kbd', {}, 'r'), ' tree')), list] : []));
}

function drawRow(db, {id, value}) {
  const others = value.counts ? value.counts.live - 1 : value.conflicts.length;
  const first = value.conflicts[0];
  const wrote = (rev) => {
    const {by, at} = value.meta?.find((one) => one.rev === rev) ?? {};
    return h('span.quiet', {title: at ?? ''}, [by ?? '', at ? String(at).slice(0, 16).replace('T', ' ') : ''].filter(Boolean).map((part) => ` ${part}`));
  };
  return [
    h('a', {href: link(['db', db, 'doc', id, 'merge']), tabindex: '-1'}, id),
    h('span', {}, h('span.mono', {}, shortRev(value.rev)), wrote(value.rev)),
    h('span', {}, h('span.mono', {}, first ? shortRev(first) : ''), first ? wrote(first) : '', others > 1 ? ` and ${count(others - 1)} more` : ''),
    h('a', {href: link(['db', db, 'doc', id, 'tree']), tabindex: '-1'}, 'Tree'),
  ];
}

const WAYS = [
  ['three-way', 'Merge them; leave those whose changes clash', {merge: 'three-way'}],
  ['winner-where-clash', 'Merge them; where changes clash the winner prevails', {merge: 'three-way', on_conflict: 'winner'}],
  ['winner', 'Keep the winner as it is', {keep: 'winner'}],
];

async function resolveAll(db, signal) {
  const way = h('select', {}, WAYS.map(([value, label]) => h('option', {value}, label)));
  const told = h('p', {role: 'status'});
  const outcome = await ask({
    title: `Resolve all conflicts of ${db}`, button: 'Resolve', danger: true,
    content: [field('How', way, 'Other revisions get a tombstone; their content is gone with the next compaction.'), told],
    submit: async () => {
      const [, , how] = WAYS.find(([value]) => value === way.value);
      return resolvePages(db, how, signal, (resolved, left) => replace(told, `${count(resolved)} resolved, ${count(left)} left…`));
    },
  });
  if (outcome === null) return;
  toast(`${many(outcome.resolved, 'document')} resolved, ${count(outcome.left)} left to be merged by hand.`);
  showAgain();
}

async function resolvePages(db, how, signal, tell) {
  const outcome = {resolved: 0, left: 0};
  for (let startkey = null; ;) {
    const page = await send('POST', path(db, '_resolve'), {json: {...how, limit: PAGE, ...(startkey === null ? {} : {startkey})}, signal});
    for (const row of page.rows) outcome[row.error ? 'left' : 'resolved'] += 1;
    tell(outcome.resolved, outcome.left);
    startkey = page.next;
    if (startkey === null || signal.aborted) return outcome;
  }
}
