// One document: its text in an editor, attachments, other revisions. What is saved is the text as it was edited.

import {call, json, path, send, text} from '../api.js';
import {attachmentsPanel} from '../components/attachments.js';
import {ask, confirm} from '../components/dialog.js';
import {jsonEditor} from '../components/json-editor.js';
import {menu} from '../components/menu.js';
import {revisionsPanel} from '../components/revisions.js';
import {tellFailure, toast, words} from '../components/toast.js';
import {draftOf, dropDraft, keepDraft} from '../documents/drafts.js';
import {debounced, field, h, replace} from '../dom.js';
import {checkObject} from '../lossless/check.js';
import {formatted, nodesOf, stringOf, without, withMember} from '../lossless/members.js';
import {sliceOf} from '../merge/json-nodes.js';
import {go, link} from '../router.js';

export const keys = [
  ['e', 'into the text'],
  ['Ctrl+S', 'save'],
  ['Ctrl+F', 'find in the text; Ctrl+G goes on'],
  ['u', 'up to the list'],
];

const NEW = ''; // the id under which the draft of a new document is kept

export async function show(outlet, {db, id = null, query}, signal) {
  const old = query.get('rev'); // an older revision is looked at, not edited
  let original = id === null ? await blank() : formatted(await text(path(db, id), {query: {rev: old}, signal}));
  let rev = id === null ? null : stringOf(nodesOf(original), '_rev');
  const isLocal = id?.startsWith('_local/') ?? false;
  const draft = old ? null : draftOf(db, id ?? NEW);

  const problem = h('p', {class: 'problem', role: 'alert', hidden: true});
  const note = h('div', {class: 'warning', hidden: true});
  const save = h('button', {class: 'primary', onclick: () => store(), title: 'Ctrl+S'}, id === null ? 'Create' : 'Save');
  const editor = jsonEditor({label: id === null ? 'New document' : `Text of ${id}`, validate: checkObject, submit: () => store(), readOnly: old !== null});
  const isChanged = () => editor.value !== original;
  const changed = debounced(keep, 250);

  function keep() {
    save.disabled = !isChanged() && id !== null;
    if (isChanged()) keepDraft(db, id ?? NEW, {text: editor.value, base: rev});
    else dropDraft(db, id ?? NEW);
  }
  function tell(error) {
    replace(problem, typeof error === 'string' ? error : words(error),
      error.status === 401 && [' ', h('a', {href: link(['login'], {next: location.hash})}, 'Sign in'), '; the edits are kept.']);
    problem.hidden = false;
  }

  async function store() {
    keep();
    problem.hidden = true;
    const wrong = editor.problem;
    if (wrong) {
      editor.select(wrong.at, wrong.at + 1);
      editor.focus();
      return tell(`Not saved. Line ${wrong.line}, column ${wrong.column}: ${wrong.message}`);
    }
    save.disabled = true;
    try {
      await (id === null ? create() : update());
    } catch (error) {
      save.disabled = false;
      if (error.status === 409) return conflict();
      tell(error);
    }
  }

  async function update() {
    const body = editor.value;
    const hasRev = nodesOf(body).members.has('_rev');
    const reply = await send('PUT', path(db, id), {query: hasRev || isLocal ? {} : {rev}, body, signal});
    toast(`Saved as ${reply.rev}.`);
    await follow(editor.value === body);
  }

  async function create() {
    const body = editor.value;
    const own = stringOf(nodesOf(body), '_id');
    const reply = await (own === null ? send('POST', path(db), {body, signal}) : send('PUT', path(db, own), {body, signal}));
    dropDraft(db, NEW);
    toast(`${reply.id} was made.`);
    go(['db', db, 'doc', reply.id]);
  }

  // Somebody else was faster: what was typed is one side of a merge.
  async function conflict() {
    const own = id ?? stringOf(nodesOf(editor.value), '_id');
    const {openMerge} = await import('./merge.js');
    dropDraft(db, id ?? NEW);
    openMerge({db, id: own, mine: editor.value, base: rev});
  }

  // The document has a new revision. If all that was typed is in it, its text is shown; otherwise the edits go on from it.
  async function follow(isWhole) {
    const fresh = formatted(await text(path(db, id), {signal}));
    const edited = editor.value;
    rev = stringOf(nodesOf(fresh), '_rev');
    original = fresh;
    editor.value = isWhole ? fresh : rebased(edited, fresh);
    note.hidden = true;
    keep();
    attachments?.draw();
    revisions?.draw();
  }

  // Edits go on from the newest revision: its `_rev` and `_attachments` take the place of those in the text.
  function rebased(edited, fresh) {
    if (editor.problem) return edited;
    const members = nodesOf(fresh).members;
    let result = withMember(edited, '_rev', sliceOf(members.get('_rev').node));
    if (members.has('_attachments')) result = withMember(result, '_attachments', sliceOf(members.get('_attachments').node));
    return formatted(result);
  }

  async function blank() {
    const from = query.get('id') ?? (await json('_uuids')).uuids[0];
    return `{\n  "_id": ${JSON.stringify(from)}\n}`;
  }

  function stubs() {
    const found = nodesOf(original).members.get('_attachments')?.node;
    return found?.kind === 'object' ? [...found.members].map(([name, {node}]) => [name, JSON.parse(sliceOf(node))]) : [];
  }

  async function remove() {
    if (!(await confirm('Delete this document?', id, 'Delete', {danger: true}))) return;
    try {
      await call('DELETE', path(db, id), {query: {rev}, signal});
      dropDraft(db, id);
      toast(`${id} is deleted.`);
      go(['db', db]);
    } catch (error) {
      tell(error);
    }
  }

  async function duplicate() {
    const to = h('input', {required: true, value: (await json('_uuids')).uuids[0], spellcheck: 'false'});
    const made = await ask({
      title: 'Duplicate', button: 'Make a copy', content: field('Id of the copy', to, 'Attachments are copied as well. Edits that are not saved are not.'),
      submit: async () => (await send('COPY', path(db, id), {query: {rev}, headers: {Destination: path(to.value)}})).id,
    });
    if (made !== null) go(['db', db, 'doc', made]);
  }

  function discard() {
    dropDraft(db, id ?? NEW);
    editor.value = original;
    note.hidden = true;
    keep();
    toast('Edits are discarded.', {action: ['Undo', () => { editor.value = draftText; keep(); }]});
  }

  // Take up an older revision's content as an edit of the present one.
  async function restore() {
    const present = formatted(await text(path(db, id), {signal}));
    const content = withMember(without(editor.value, ['_rev', '_attachments']), '_rev', sliceOf(nodesOf(present).members.get('_rev').node));
    const kept = nodesOf(present).members.get('_attachments');
    keepDraft(db, id, {text: formatted(kept ? withMember(content, '_attachments', sliceOf(kept.node)) : content), base: stringOf(nodesOf(present), '_rev')});
    go(['db', db, 'doc', id]);
  }

  const draftText = draft?.text ?? '';
  const attachments = id === null || isLocal ? null : attachmentsPanel({db, id, rev: () => rev, stubs, changed: () => follow(!isChanged()), editable: old === null});
  const revisions = id === null || isLocal ? null : revisionsPanel({db, id, shown: () => rev, signal});
  const format = h('button', {onclick: () => editor.format() || tell('This is no JSON yet, so it cannot be formatted.')}, 'Format');
  outlet.append(
    h('h1', {}, id ?? 'New document'),
    old ? h('div', {class: 'bar-of-tools'}, h('span', {class: 'badge warn'}, `Revision ${old}`), h('a', {class: 'button', href: link(['db', db, 'doc', id])}, 'The present one'),
      h('button', {onclick: () => restore().catch(tellFailure)}, 'Edit from here'))
      : h('div', {class: 'bar-of-tools'}, save, format, id !== null && !isLocal && menu('More', [
        ['Duplicate …', () => duplicate().catch(tellFailure)], ['Discard edits', discard], null, ['Delete …', remove, {danger: true}]])),
    note, problem,
    h('div', {class: 'beside'}, editor, h('div', {class: 'side'}, attachments?.element ?? '', revisions?.element ?? '')));

  editor.value = draft?.text ?? original;
  if (draft && draft.text !== original) {
    const isBehind = draft.base !== rev;
    note.hidden = false;
    note.append(isBehind ? 'These are edits of an older revision that were not saved. Saving leads to a merge with what has changed since. ' : 'These are edits that were not saved yet. ',
      h('button', {onclick: discard}, 'Discard them'));
    if (isBehind) rev = draft.base;
  }
  keep();
  editor.area.addEventListener('input', changed);
  outlet.addEventListener('viewkey', ({detail: {key, event}}) => {
    if (key === 'e') editor.focus();
    else if (key === 'u') go(['db', db]);
    else return;
    event.preventDefault();
  });
  addEventListener('keydown', (event) => {
    if (!event.defaultPrevented && (event.ctrlKey || event.metaKey) && event.key === 's' && !document.querySelector('dialog[open]')) {
      event.preventDefault();
      store();
    }
  }, {signal});
  if (id === null) {
    editor.focus();
    editor.area.setSelectionRange(editor.value.length - 2, editor.value.length - 2);
  }
}
