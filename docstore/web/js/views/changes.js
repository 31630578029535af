// `_changes` of a database as it happens: with filters, and a pause.

import {json, path} from '../api.js';
import {withSelector} from '../components/selector-completion.js';
import {problemLine} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {field, h, replace} from '../dom.js';
import {clock, count} from '../format.js';
import {follow} from '../live/changes-feed.js';
import {go, link, setQuery} from '../router.js';
import {shortRev} from '../tree/history.js';

const MOST = 5000;

export const keys = [['p', 'pause, or go on']];

export async function show(outlet, {db, query}, signal) {
  await json(path(db), {signal});
  const rows = []; // newest first: {change, seen, isNew}
  let running = null;
  let since = null;
  let seen = 0;
  const state = h('span.quiet', {role: 'status'});
  const problem = problemLine();
  const pauseButton = h('button', {type: 'button', 'aria-pressed': 'false', onclick: () => (running ? stop('Paused.') : start())}, 'Pause');
  const kind = h('select', {onchange: () => drawArgument()}, [['', 'everything'], ['selector', 'what matches a selector'], ['ids', 'these ids'],
    ['conflicts', 'what is in conflict'], ['design', 'a filter of a design document'], ].map(([value, label]) => h('option', {value}, label)));
  const argument = withSelector(h('input.mono', {}), db, {is: () => kind.value === 'selector'});
  const argumentHolder = h('div.grow', {});
  kind.value = query.get('show') ?? '';
  argument.value = query.get('with') ?? '';
  const list = virtualList({
    count: 0, rowHeight: 34, label: 'Changes, newest first', columns: '6rem minmax(8rem, 2fr) minmax(8rem, 1fr) 6rem', head: ['Seen', 'Document', 'Revisions', ''],
    draw: (index) => drawRow(db, rows[index]),
    onOpen: (index) => go(placeOf(db, rows[index].change)),
  });

  function drawArgument() {
    const label = {selector: 'Selector', ids: 'Ids, with commas between them', design: 'Filter, as ddoc/name'}[kind.value];
    replace(argumentHolder, label ? field(label, argument) : null);
  }
  function wanted() {
    const text = argument.value.trim();
    if (kind.value === 'selector') {
      JSON.parse(text || '{}');
      return {selector: text || '{}'};
    }
    if (kind.value === 'ids') return {ids: text.split(',').map((one) => one.trim()).filter(Boolean)};
    return {conflicts: kind.value === 'conflicts', design: kind.value === 'design' ? text : ''};
  }
  function onRows(changes, pending) {
    const isNew = seen > 0 || since !== null;
    const now = new Date();
    for (const change of changes) rows.unshift({change, seen: now, isNew});
    if (rows.length > MOST) rows.length = MOST;
    seen += isNew ? changes.length : 0;
    since = changes.at(-1)?.seq ?? since;
    const active = list.active;
    list.count = rows.length;
    if (active >= 0) list.active = Math.min(active + changes.length, rows.length - 1);
    tell(pending);
  }
  const tell = (pending) => { state.textContent = `${count(seen)} since this page was opened${pending ? `, ${count(pending)} to come` : ''}.`; };
  async function start() {
    stop('');
    problem.hidden = true;
    let filter;
    try {
      filter = wanted();
    } catch {
      problem.tell('The selector is no JSON.');
      return;
    }
    const own = (running = new AbortController());
    pauseButton.textContent = 'Pause';
    pauseButton.setAttribute('aria-pressed', 'false');
    try {
      await follow(db, filter, since, {onRows, onState: (wrong) => (wrong ? state.textContent = wrong : tell(0))}, AbortSignal.any([own.signal, signal]));
    } catch (error) {
      if (running !== own) return;
      stop('Stopped.');
      problem.tell(error);
    }
  }
  function stop(told) {
    running?.abort();
    running = null;
    pauseButton.textContent = 'Go on';
    pauseButton.setAttribute('aria-pressed', 'true');
    if (told) state.textContent = told;
  }
  function anew(event) {
    event?.preventDefault();
    rows.length = 0;
    list.count = 0;
    since = null;
    seen = 0;
    setQuery({show: kind.value, with: kind.value && kind.value !== 'conflicts' ? argument.value : ''});
    start();
  }
  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key === 'p') pauseButton.click();
    else if (!list.press(detail.event)) return;
    detail.event.preventDefault();
  });
  drawArgument();
  outlet.append(h('h1', {}, `Changes of ${db}`),
    h('form.bar-of-tools', {onsubmit: anew}, field('Show', kind), argumentHolder, h('button', {}, 'Show'), pauseButton),
    problem, state, list);
  start();
}

// Of what is deleted there is the tree.
const placeOf = (db, {id, deleted}) => ['db', db, 'doc', id, ...(deleted ? ['tree'] : [])];

function drawRow(db, {change, seen, isNew}) {
  return [h('span.quiet', {}, isNew ? clock(seen) : 'before'),
    h('a', {href: link(placeOf(db, change)), tabindex: '-1'}, change.id),
    h('span.mono', {title: change.changes.map(({rev}) => rev).join(' ')}, change.changes.slice(0, 3).map(({rev}) => shortRev(rev)).join(' ')),
    change.deleted ? h('span.badge.danger', {}, 'deleted') : change.changes.length > 1 ? h('span.badge.warn', {}, 'conflict') : ''];
}
