// Queries: an editor for `_find`, how it is answered as a picture, what it finds, and queries of before.

import {call, json, path, send} from '../api.js';
import {explainPicture} from '../components/explain-picture.js';
import {jsonEditor} from '../components/json-editor.js';
import {withSelector} from '../components/selector-completion.js';
import {problemLine, words} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {compute} from '../merge/off-page.js';
import {fieldsOf} from '../query/explain-words.js';
import {pastQueries, rememberQuery} from '../query/past-queries.js';
import {go, link, setQuery} from '../router.js';

const FIRST = '{\n  "selector": {\n    "_id": {"$gt": null}\n  },\n  "limit": 50\n}';

export const keys = [['Ctrl+Enter', 'run the query'], ['e', 'into the query'], ['Ctrl+Space', 'what may stand here']];

export async function show(outlet, {db, query}, signal) {
  await json(path(db), {signal});
  const found = [];
  let bookmark = null;
  let running = null;
  const editor = jsonEditor({label: 'Query', validate: 'checkObject'});
  editor.value = query.get('q') ?? pastQueries(db)[0] ?? FIRST;
  editor.classList.add('query-editor');
  withSelector(editor.area, db, {isQuery: true});
  editor.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      run();
    }
  });
  const told = h('p', {role: 'status', class: 'quiet'}, 'Ctrl+Enter runs the query.');
  const problem = problemLine();
  const plan = h('div', {});
  const more = h('button', {hidden: true, onclick: () => run({goesOn: true})}, 'More');
  const list = virtualList({
    count: 0, rowHeight: 34, label: 'Documents found', columns: 'minmax(6rem, 1fr) 4fr', head: ['Id', 'Document'],
    draw: (index) => [found[index].id === null ? '' : h('a', {href: link(['db', db, 'doc', found[index].id]), tabindex: '-1'}, found[index].id),
      h('span', {class: 'mono'}, found[index].text.slice(0, 600))],
    onOpen: (index) => found[index].id !== null && go(['db', db, 'doc', found[index].id]),
  });
  const past = h('select', {'aria-label': 'Queries of before', onchange: () => {
    if (past.value !== '') editor.value = pastQueries(db)[Number(past.value)];
    past.value = '';
  }});
  const listPast = () => replace(past, h('option', {value: ''}, 'Queries of before…'),
    pastQueries(db).map((text, at) => h('option', {value: String(at)}, text.replace(/\s+/g, ' ').slice(0, 100))));

  // One thing at a time: what was asked before is given up.
  async function ask(doing, work) {
    running?.abort();
    const own = (running = new AbortController());
    problem.hidden = true;
    told.textContent = doing;
    try {
      await work(AbortSignal.any([own.signal, signal]));
    } catch (error) {
      if (own.signal.aborted || signal.aborted) return;
      told.textContent = '';
      problem.tell(error);
    }
  }
  const run = ({goesOn = false} = {}) => ask('Running…', async (own) => {
    const text = editor.value;
    const body = goesOn && bookmark ? withBookmark(text, bookmark) : text;
    const began = performance.now();
    const reply = await compute('find', {text: await (await call('POST', path(db, '_find'), {body, signal: own})).text()}, own);
    const took = performance.now() - began;
    if (!goesOn) {
      found.length = 0;
      rememberQuery(db, text);
      listPast();
      setQuery({q: text});
    }
    found.push(...reply.docs);
    bookmark = reply.others.bookmark;
    list.count = found.length;
    if (!goesOn) list.scrollTo(0);
    more.hidden = !reply.docs.length || !bookmark || bookmark === 'nil';
    const stats = reply.others.execution_stats;
    told.textContent = `${many(found.length, 'document')} in ${Math.round(took)} ms`
      + (stats ? `; ${count(stats.total_keys_examined)} keys and ${count(stats.total_docs_examined)} documents looked at` : '')
      + (reply.others.warning ? `. ${reply.others.warning.trim().replaceAll('\n', ' ')}` : '');
  });
  const explain = () => ask('Asking how…', async (own) => {
    const answer = await send('POST', path(db, '_explain'), {body: editor.value, signal: own});
    replace(plan, explainPicture(answer));
    told.textContent = answer.index ? `${answer.index.name} on ${fieldsOf(answer.index).join(', ')} would be used.` : '';
  });

  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key === 'e') editor.focus();
    else if (!list.press(detail.event)) return;
    detail.event.preventDefault();
  });
  listPast();
  outlet.append(
    h('h1', {}, `Query ${db}`), editor,
    h('div', {class: 'bar-of-tools'}, h('button', {class: 'primary', onclick: () => run()}, 'Run'), h('button', {onclick: explain}, 'Explain'), past,
      h('a', {class: 'button', href: link(['db', db, 'indexes'])}, 'Indexes')),
    problem, told, plan, list, more);
  if (query.get('q')) run();
}

// The query with a bookmark in it, its text otherwise as it was: of members of one name the last counts.
function withBookmark(text, bookmark) {
  const before = text.slice(0, text.lastIndexOf('}')).trimEnd();
  return `${before}${before.endsWith('{') ? '' : ','}"bookmark":${JSON.stringify(bookmark)}}`;
}
