// Design documents: their functions with an editor, tried on chosen documents before they are saved.

import {json, path, send, text as readText} from '../api.js';
import {ask} from '../components/dialog.js';
import {jsonEditor} from '../components/json-editor.js';
import {problemLine, toast, words} from '../components/toast.js';
import {draftOf, dropDraft, keepDraft} from '../documents/drafts.js';
import {$, field, h, replace} from '../dom.js';
import {check} from '../lossless/check.js';
import {go, link, show as showAgain} from '../router.js';
import {functionsOf, withMember} from '../query/design-text.js';
import {tryOut} from '../query/try-out.js';
import {session} from '../session.js';
import {openMerge} from './merge.js';

const SHAPES = {
  view: ['views', 'map', 'function (doc) {\n  emit(doc._id, null);\n}'],
  reduce: ['views', 'reduce', '_count'],
  filter: ['filters', null, 'function (doc, req) {\n  return true;\n}'],
  validation: [null, null, 'function (newDoc, oldDoc, userCtx, secObj) {\n  // throw({forbidden: "why"});\n}'],
};
const TRIED_AT_FIRST = 5;

export const keys = [['e', 'into the code'], ['Ctrl+S', 'save'], ['Ctrl+Enter', 'try'], ['Ctrl+F', 'find in the code']];
const NEW = '{\n  "language": "javascript"\n}';

export async function show(outlet, {db, ddoc}, signal) {
  if (ddoc === undefined) return showList(outlet, db, signal);
  const id = `_design/${ddoc}`;
  const {rev, original} = await readDesign(db, id, signal);
  const draft = draftOf(db, id); // that of the whole document, too
  if (draft && check(draft.text)) return location.replace(link(['db', db, 'doc', id])); // there it can be mended
  const base = draft ? draft.base : rev;
  let design = draft?.text ?? original;
  let at = null;
  const parts = h('select', {'aria-label': 'Function', onchange: () => { at = JSON.parse(parts.value); drawCode(); }});
  const holder = h('div', {});
  const problem = problemLine();
  const state = h('span.quiet', {role: 'status'});
  const tried = h('section', {'aria-label': 'Try-out'});

  function change(next) {
    design = next;
    const isChanged = design !== original;
    state.textContent = isChanged || rev === null ? `not saved yet${base === rev ? '' : '; others have saved meanwhile'}` : '';
    discard.hidden = !isChanged;
    if (isChanged) keepDraft(db, id, {text: design, base});
    else dropDraft(db, id);
  }
  const discard = h('button', {onclick: () => {
    dropDraft(db, id);
    showAgain();
  }}, 'Discard edits');
  function drawParts() {
    const all = functionsOf(design);
    if (!all.some((one) => same(one.path, at))) at = all[0]?.path ?? null;
    replace(parts, all.map((one) => h('option', {value: JSON.stringify(one.path)}, one.label)));
    if (at) parts.value = JSON.stringify(at);
    drawCode();
  }
  function drawCode() {
    const one = functionsOf(design).find(({path: own}) => same(own, at));
    if (!one) return replace(holder, h('p.empty', {}, 'It has no functions yet.'));
    const editor = jsonEditor({label: one.label, validate: 'code', submit: save});
    editor.value = one.code;
    editor.area.addEventListener('input', () => change(withMember(design, one.path, JSON.stringify(editor.value))));
    editor.area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) tryIt();
    });
    return replace(holder, editor);
  }
  async function add() {
    const kind = h('select', {}, Object.keys(SHAPES).map((one) => h('option', {value: one}, one)));
    const name = h('input', {});
    const made = await ask({title: 'New function', button: 'Add', content: [field('Kind', kind), field('Name', name, 'Of a reduction: the name of its view. A validation has none.')],
      submit: () => {
        const [group, part, code] = SHAPES[kind.value];
        if (group && !name.value) throw new Error('It needs a name.');
        return {path: [group ?? 'validate_doc_update', group && name.value, part].filter(Boolean), code};
      }});
    if (made === null) return;
    if (!functionsOf(design).some((one) => same(one.path, made.path))) change(withMember(design, made.path, JSON.stringify(made.code)));
    at = made.path;
    drawParts();
  }
  async function save() {
    problem.hidden = true;
    try {
      await send('PUT', path(db, id), {query: {rev: base}, body: design, signal});
      dropDraft(db, id);
      toast(`${id} was saved.`);
      await showAgain();
    } catch (error) {
      if (error.status === 409) return openMerge({db, id, mine: design, base});
      problem.tell(error);
    }
  }
  const {isAdmin} = await session();
  const ids = h('textarea.mono', {rows: 3, disabled: !isAdmin});
  if (isAdmin) ids.value = (await firstIds(db, signal)).join('\n');
  async function tryIt() {
    if (!isAdmin || at === null) return;
    replace(tried, h('p', {role: 'status'}, 'Trying…'));
    try {
      const wanted = ids.value.split('\n').map((one) => one.trim()).filter(Boolean);
      const documents = await Promise.all(wanted.map((one) => readText(path(db, one), {signal})));
      replace(tried, drawOutcome(await tryOut({design, id, at, documents}, signal)));
    } catch (error) {
      if (!signal.aborted) replace(tried, h('p.problem', {role: 'alert'}, words(error)));
    }
  }
  outlet.append(
    h('h1', {}, id),
    h('div.bar-of-tools', {}, h('label', {}, 'Function ', parts), h('button', {onclick: add}, 'Add…'),
      h('button.primary', {onclick: save}, 'Save'), discard, state,
      h('a.button', {href: link(['db', db, 'doc', id])}, 'The whole document'), links(db, ddoc, design)),
    problem, holder,
    h('h2', {}, 'Try it before saving'),
    isAdmin ? h('div.stack', {}, field('On the documents with these ids', ids, 'One a line. Copies of them go into a database that is made for the try and deleted after it.'),
      h('div.buttons', {}, h('button', {onclick: tryIt}, 'Try')))
      : h('p.quiet', {}, 'A try makes a database for a moment, which only server admins may.'),
    tried);
  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key !== 'e') return;
    detail.event.preventDefault();
    $('textarea', holder)?.focus();
  });
  drawParts();
  change(design);
}

const same = (left, right) => JSON.stringify(left) === JSON.stringify(right);

function links(db, ddoc, design) {
  const views = functionsOf(design).filter(({path: own}) => own[0] === 'views' && own[2] === 'map').map(({path: own}) => own[1]);
  return views.map((view) => h('a', {href: link(['db', db, 'view', ddoc, view])}, `rows of ${view} `));
}

async function readDesign(db, id, signal) {
  try {
    const original = await readText(path(db, id), {signal});
    return {original, rev: JSON.parse(original)._rev};
  } catch (error) {
    if (error.status !== 404) throw error;
    return {original: NEW, rev: null};
  }
}

async function firstIds(db, signal) {
  const {rows} = await json(path(db, '_all_docs'), {query: {limit: TRIED_AT_FIRST, startkey: '"\\u0060"'}, signal});
  const more = rows.length ? rows : (await json(path(db, '_all_docs'), {query: {limit: TRIED_AT_FIRST, endkey: '"_"'}, signal})).rows;
  return more.map((row) => row.id);
}

function drawOutcome(outcome) {
  if (outcome.kind === 'none') return h('p.quiet', {}, 'The design document was accepted. Functions that answer requests are not tried here.');
  const head = outcome.kind === 'rows' ? ['Key', 'Value', 'Document'] : ['Document', 'Passes', 'Why not'];
  const body = outcome.rows.map((row) => (outcome.kind === 'rows' ? [row.key, row.value, row.id ?? ''] : [row.id, row.passed ? 'yes' : 'no', row.reason]));
  if (!body.length) return h('p', {role: 'status'}, 'Nothing was emitted.');
  return h('div.scrolling-x', {}, h('table.plain-table', {},
    h('thead', {}, h('tr', {}, head.map((title) => h('th', {scope: 'col'}, title)))),
    h('tbody', {}, body.map((cells) => h('tr', {}, cells.map((cell) => h('td.mono', {}, cell)))))));
}

async function showList(outlet, db, signal) {
  const {rows} = await json(path(db, '_design_docs'), {query: {include_docs: true}, signal});
  const open = async () => {
    const name = h('input', {required: true});
    const made = await ask({title: 'New design document', button: 'Begin', content: field('Name', name, 'What follows _design/'), submit: () => name.value});
    if (made) go(['db', db, 'design', made]);
  };
  outlet.append(h('h1', {}, `Design documents of ${db}`),
    h('div.bar-of-tools', {}, h('button.primary', {onclick: open}, 'New…'), h('a.button', {href: link(['db', db, 'views'])}, 'Views')),
    rows.length ? h('ul', {}, rows.map(({id, doc}) => h('li', {}, h('a', {href: link(['db', db, 'design', id.slice('_design/'.length)])}, id),
      h('span.quiet', {}, ` ${doc?.language ?? 'javascript'}, ${Object.keys(doc?.views ?? {}).length} views`))))
      : h('p.empty', {}, 'There is none yet.'));
}
