// Full-text search: the search indexes of a database, and what a query finds, as far as one scrolls.

import {json, path, text} from '../api.js';
import {problemLine} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {field, h} from '../dom.js';
import {count, many} from '../format.js';
import {parseNodes, sliceOf, Values} from '../merge/json-nodes.js';
import {stringMember} from '../merge/document-text.js';
import {go, link, setQuery} from '../router.js';

const PAGE = 50;

export const keys = [['e', 'into the query']];

export async function show(outlet, {db, query}, signal) {
  const {rows: designs} = await json(path(db, '_design_docs'), {query: {include_docs: true}, signal});
  const indexes = designs.flatMap(({id, doc}) => Object.keys(doc?.indexes ?? {}).map((name) => [id, name, `${id.slice('_design/'.length)}/${name}`]));
  outlet.append(h('h1', {}, `Search ${db}`));
  if (!indexes.length) {
    outlet.append(h('p.empty', {}, 'No design document of this database has a search index.'),
      h('p', {}, h('a', {href: link(['db', db, 'design'])}, 'Design documents')));
    return;
  }
  const index = h('select', {}, indexes.map(([, , title]) => h('option', {value: title}, title)));
  if (indexes.some(([, , title]) => title === query.get('index'))) index.value = query.get('index');
  const asked = h('input.mono', {value: query.get('q') ?? '*:*', required: true});
  const sort = h('input.mono', {value: query.get('sort') ?? ''});
  const told = h('p.quiet', {role: 'status'});
  const problem = problemLine();
  const rows = [];
  let bookmark = null;
  let isComplete = true;
  let reading = null;
  const list = virtualList({
    count: 0, rowHeight: 34, label: 'Found', columns: 'minmax(6rem, 1fr) 3fr minmax(4rem, 8rem)', head: ['Document', 'Fields', 'Order'],
    draw: (at) => rows[at] && [h('a', {href: link(['db', db, 'doc', rows[at].id]), tabindex: '-1'}, rows[at].id),
      h('span.mono', {}, rows[at].fields.slice(0, 600)), h('span.mono.quiet', {}, rows[at].order)],
    onRange: (_, last) => last >= rows.length - 1 && readOn(),
    onOpen: (at) => rows[at] && go(['db', db, 'doc', rows[at].id]),
  });

  async function readOn() {
    if (reading || isComplete) return;
    const own = (reading = new AbortController());
    const [id, name] = indexes[index.selectedIndex];
    try {
      const reply = parseNodes(await text(path(db, id, '_search', name), {
        query: {q: asked.value, limit: PAGE, bookmark, sort: sort.value.trim() ? asSort(sort.value.trim()) : null}, signal: AbortSignal.any([own.signal, signal])}), new Values());
      const found = reply.members.get('rows')?.node.items ?? [];
      rows.push(...found.map((row) => ({id: stringMember(row, 'id'), fields: part(row, 'fields'), order: part(row, 'order')})));
      bookmark = stringMember(reply, 'bookmark');
      isComplete = found.length < PAGE;
      told.textContent = `${many(Number(part(reply, 'total_rows') || rows.length), 'document')}${isComplete ? '' : `, the first ${count(rows.length)} of them below`}.`;
    } catch (error) {
      if (own.signal.aborted || signal.aborted) return;
      isComplete = true;
      problem.tell(error);
    } finally {
      if (reading === own) reading = null;
    }
    list.count = rows.length;
  }
  function ask(event) {
    event?.preventDefault();
    reading?.abort();
    reading = null;
    rows.length = 0;
    bookmark = null;
    isComplete = false;
    problem.hidden = true;
    list.count = 0;
    setQuery({index: index.value, q: asked.value, sort: sort.value});
    return readOn();
  }
  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key === 'e') asked.focus();
    else if (!list.press(detail.event)) return;
    detail.event.preventDefault();
  });
  outlet.append(h('form.bar-of-tools', {onsubmit: ask}, field('Index', index), h('div.grow', {}, field('Query', asked)),
    field('Sort', sort), h('button.primary', {}, 'Search')),
  h('p.quiet', {}, 'Lucene’s language: field:word, "a phrase", begin*, [1990 TO 2000], AND, OR, NOT. Sort by a field, such as -year.'), problem, told, list);
  if (query.has('q')) await ask();
}

const part = (node, name) => {
  const found = node.members?.get(name)?.node;
  return found ? sliceOf(found) : '';
};

// A name as JSON, JSON as it is.
const asSort = (text) => (/^["[]/.test(text) ? text : JSON.stringify(text));
