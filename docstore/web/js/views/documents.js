// The documents of a database: a list that scrolls through millions, as a table or as JSON; several taken at once.

import {path, send} from '../api.js';
import {ask} from '../components/dialog.js';
import {menu} from '../components/menu.js';
import {withSelector} from '../components/selector-completion.js';
import {problemLine, tellFailure, toast} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {Bodies} from '../documents/bodies.js';
import {cellText, frequentMembers, lineOf} from '../documents/columns.js';
import {documents, download, fileOf} from '../documents/exporting.js';
import {FoundRows} from '../documents/found-rows.js';
import {KeyedRows} from '../documents/keyed-rows.js';
import {debounced, field, h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {checkObject} from '../lossless/check.js';
import {go, link, setQuery} from '../router.js';

const LAST = '\u{10ffff}';
const HEIGHTS = {table: 34, json: 34};

export const keys = [
  ['Space', 'select the marked document, or not'],
  ['e', 'edit the marked document'],
  ['n', 'a new document'],
  ['g', 'go to an id'],
  ['s', 'the selector; Ctrl+Space tells what may stand there'],
  ['v', 'table or JSON'],
];

export async function show(outlet, {db, query}, signal) {
  const state = {
    prefix: query.get('prefix') ?? '', start: query.get('start'), end: query.get('end'), selector: query.get('selector') ?? '',
    view: query.get('view') === 'json' ? 'json' : 'table', fields: query.get('fields')?.split(',').filter(Boolean) ?? null,
  };
  const selected = new Map(); // id -> rev
  let rows = null;
  let asked = new AbortController();
  signal.addEventListener('abort', () => asked.abort());
  const bodies = new Bodies(db, signal, {changed: () => { chooseFields(); list.refresh(); }, failed: tellFailure});

  const prefix = h('input', {type: 'search', 'aria-label': 'Ids that begin with', placeholder: 'Ids that begin with …', value: state.prefix});
  const selector = withSelector(h('input.mono', {'aria-label': 'Selector', placeholder: 'Selector: {"year": {"$gt": 1999}}', value: state.selector}), db);
  const problem = problemLine();
  const told = h('span', {class: 'quiet', role: 'status'});
  const range = h('button', {onclick: chooseRange}, 'Range');
  const design = h('button', {onclick: () => narrow({prefix: state.prefix === '_design/' ? '' : '_design/'})}, 'Design documents');
  const form = h('button', {onclick: switchView}, 'JSON');
  const actions = h('div', {class: 'bar-of-tools', hidden: true});
  const empty = h('p', {class: 'empty', hidden: true}, 'No document here.');
  const list = virtualList({
    count: 0, rowHeight: 34, label: `Documents of ${db}`, draw: cells,
    guess: (index) => ['', `${rows.guess?.(index) ?? ''}…`],
    onRange: (first, last) => {
      rows.want(first, last);
      bodies.want(idsBetween(first, last));
    },
    onOpen: (index) => open(index), onSelect: select,
    isSelected: (index) => selected.has(rows.get(index)?.id),
  });

  function idsBetween(first, last) {
    const ids = [];
    for (let at = first; at <= last; at += 1) if (rows.get(at)) ids.push(rows.get(at).id);
    return ids;
  }

  function cells(index) {
    const row = rows.get(index);
    if (row === null) return null;
    const node = bodies.get(row.id);
    const box = h('input', {type: 'checkbox', tabindex: '-1', checked: selected.has(row.id), 'aria-label': `Select ${row.id}`, onclick: (event) => { event.stopPropagation(); select(index); }});
    const anchor = h('a', {href: link(['db', db, 'doc', row.id]), tabindex: '-1', title: row.id}, row.id);
    if (state.view === 'json') return [box, anchor, h('code', {}, node ? lineOf(node) : '')];
    return [box, anchor, ...(state.fields ?? []).map((name) => h('span', {}, node ? cellText(node, name) : '')), h('span', {class: 'mono quiet'}, row.rev.slice(0, 12))];
  }

  function drawHead() {
    form.textContent = state.view === 'json' ? 'Table' : 'JSON';
    design.setAttribute('aria-pressed', String(state.prefix === '_design/'));
    range.setAttribute('aria-pressed', String(state.start !== null || state.end !== null));
    const fields = state.view === 'json' ? [] : state.fields ?? [];
    list.configure({
      head: ['', 'Id', ...state.view === 'json' ? ['Document'] : [...fields, 'Revision']],
      columns: state.view === 'json' ? '1.2rem minmax(7rem, 1fr) minmax(12rem, 3fr)'
        : `1.2rem minmax(7rem, 2fr) ${fields.map(() => 'minmax(4rem, 1fr)').join(' ')} minmax(0, 7.5rem)`,
      rowHeight: HEIGHTS[state.view],
    });
  }

  // The columns are those that the first documents have, until somebody says otherwise.
  function chooseFields() {
    if (state.fields !== null || !rows) return;
    const nodes = idsBetween(0, Math.min(rows.count, 100)).map((id) => bodies.get(id)).filter(Boolean);
    if (!nodes.length) return;
    state.fields = frequentMembers(nodes);
    drawHead();
  }

  async function load() {
    asked.abort();
    asked = new AbortController();
    const mine = asked.signal;
    const bounds = state.prefix ? {start: state.prefix, end: state.prefix + LAST} : {start: state.start, end: state.end};
    const heard = {changed, failed: tellFailure};
    const fresh = state.selector ? new FoundRows(db, state.selector, mine, heard) : new KeyedRows(db, bounds, mine, heard);
    problem.hidden = true;
    if (state.selector) told.textContent = 'Looking …'; // at all documents, where no index helps
    try {
      const wrong = state.selector && checkObject(state.selector);
      if (wrong) throw new Error(`The selector, at character ${wrong.at + 1}: ${wrong.message}`);
      await fresh.open();
    } catch (error) {
      if (mine.aborted) return;
      if (!state.selector) throw error;
      problem.tell(error);
    }
    if (mine.aborted) return;
    rows = fresh;
    drawHead();
    list.scrollTo(0);
    changed();
  }

  function changed() {
    if (list.count !== rows.count) list.count = rows.count;
    list.refresh();
    list.hidden = rows.count === 0;
    empty.hidden = rows.count > 0;
    const more = rows.isComplete === false ? ' so far,' : '';
    told.textContent = !more && rows.count === rows.total ? many(rows.count, 'document') : `${count(rows.count)}${more} of ${many(rows.total, 'document')}`;
  }

  function narrow(change) {
    Object.assign(state, {prefix: '', start: null, end: null, selector: ''}, change);
    prefix.value = state.prefix;
    selector.value = state.selector;
    keepState();
    load().catch((error) => asked.signal.aborted || tellFailure(error));
  }

  function keepState() {
    setQuery({prefix: state.prefix, start: state.start, end: state.end, selector: state.selector, view: state.view === 'json' ? 'json' : '', fields: query.has('fields') ? state.fields?.join(',') : ''});
  }

  function switchView() {
    state.view = state.view === 'json' ? 'table' : 'json';
    keepState();
    drawHead();
  }

  function select(index) {
    const row = rows.get(index);
    if (!row) return;
    if (!selected.delete(row.id)) selected.set(row.id, row.rev);
    list.refresh();
    drawActions();
  }

  function drawActions() {
    actions.hidden = selected.size === 0;
    replace(actions, h('span', {role: 'status'}, `${many(selected.size, 'document')} selected`),
      h('button', {onclick: () => exportAs(null, true)}, 'Export as JSON lines'),
      h('button', {onclick: () => exportAs(state.fields ?? [], true)}, 'Export as CSV'),
      h('button', {class: 'danger', onclick: removeSelected}, 'Delete'),
      h('button', {class: 'plain', onclick: () => { selected.clear(); list.refresh(); drawActions(); }}, 'Select none'));
  }

  function open(index) {
    const row = rows.get(index);
    if (row) go(['db', db, 'doc', row.id]);
  }

  async function exportAs(fields, isSelection) {
    const note = toast('Reading documents …');
    try {
      const found = documents(rows.where, isSelection ? {ids: [...selected.keys()]} : rows.ids ? {ids: await rows.ids()} : {range: rows.range}, signal);
      const {blob, number} = await fileOf(found, fields, (so_far) => { note.firstChild.textContent = `${count(so_far)} documents read …`; });
      download(blob, `${db.replaceAll('/', '_')}.${fields ? 'csv' : 'jsonl'}`);
      toast(`${many(number, 'document')} exported.`);
    } catch (error) {
      tellFailure(error);
    } finally {
      note.remove();
    }
  }

  async function removeSelected() {
    const docs = [...selected].map(([_id, _rev]) => ({_id, _rev, _deleted: true}));
    const refused = await ask({
      title: `Delete ${many(docs.length, 'document')}?`, button: 'Delete', danger: true,
      content: h('p', {}, docs.slice(0, 5).map(({_id}) => _id).join(', ') + (docs.length > 5 ? ` and ${count(docs.length - 5)} more` : '')),
      submit: async () => (await send('POST', `${path(db)}/_bulk_docs`, {json: {docs}})).filter((row) => row.error),
    });
    if (refused === null) return;
    selected.clear();
    drawActions();
    if (refused.length) toast(`${many(refused.length, 'document')} not deleted: ${refused[0].id}: ${refused[0].reason}`, {kind: 'failed'});
    else toast(`${many(docs.length, 'document')} deleted.`);
    await rows.reset();
  }

  async function chooseRange() {
    const from = h('input', {value: state.start ?? ''});
    const to = h('input', {value: state.end ?? ''});
    const done = await ask({title: 'A range of ids', button: 'Show', content: [field('From', from, 'empty: from the first'), field('Up to, without it', to, 'empty: to the last')]});
    if (done) narrow({start: from.value || null, end: to.value || null});
  }

  async function goTo() {
    const id = h('input', {required: true});
    const place = await ask({title: 'Go to an id', button: 'Go', content: field('Id, or its beginning', id), submit: () => rows.placeOf(id.value)});
    if (place === null) return;
    list.scrollTo(place);
    list.active = place;
    list.focus();
  }

  async function chooseColumns() {
    const names = h('input', {value: (state.fields ?? []).join(', ')});
    if (!(await ask({title: 'Columns', button: 'Show', content: field('Members of the documents', names, 'with commas between them')}))) return;
    state.fields = names.value.split(',').map((name) => name.trim()).filter(Boolean);
    query.set('fields', '1');
    keepState();
    drawHead();
  }

  prefix.addEventListener('input', debounced(() => narrow({prefix: prefix.value}), 120));
  prefix.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === 'ArrowDown') {
      event.preventDefault();
      list.active = Math.max(0, list.active);
      list.focus();
    }
  });
  selector.addEventListener('keydown', (event) => event.key === 'Enter' && narrow({selector: selector.value.trim()}));
  outlet.addEventListener('viewkey', ({detail: {key, event}}) => {
    const own = {n: () => go(['db', db, 'new']), g: goTo, v: switchView, s: () => selector.focus(), e: () => list.active >= 0 && open(list.active)}[key];
    if (own) own();
    else if (!list.press(event)) return;
    event.preventDefault();
  });
  outlet.append(
    h('h1', {class: 'visually-hidden'}, `Documents of ${db}`),
    h('div', {class: 'bar-of-tools'}, h('div', {class: 'grow'}, prefix), told, range, design, form,
      menu('More', [['Go to an id …', goTo], ['Columns …', chooseColumns], null,
        ['Export all as JSON lines', () => exportAs(null, false)], ['Export all as CSV', () => exportAs(state.fields ?? [], false)], null,
        ['Read the list again', () => { bodies.forget(); rows.reset().catch(tellFailure); }]]),
      h('a', {class: 'button primary', href: link(['db', db, 'new'])}, 'New document')),
    selector, problem, actions, empty, list);
  await load();
}
