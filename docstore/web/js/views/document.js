// One document: its text in an editor, attachments, other revisions. What is saved is the text as it was edited.

import {call, json, path, send, text} from '../api.js';
import {attachmentsPanel} from '../components/attachments.js';
import {ask, confirm} from '../components/dialog.js';
import {jsonEditor} from '../components/json-editor.js';
import {menu} from '../components/menu.js';
import {revisionsPanel} from '../components/revisions.js';
import {problemLine, tellFailure, toast, wayIn, words} from '../components/toast.js';
import {draftOf, dropDraft, keepDraft, mergesOf} from '../documents/drafts.js';
import {debounced, field, h, replace} from '../dom.js';
import {compute} from '../merge/off-page.js';
import {go, link} from '../router.js';

export const keys = [
  ['e', 'into the text'],
  ['Ctrl+S', 'save'],
  ['Ctrl+F', 'find in the text; Ctrl+G goes on'],
  ['u', 'up to the list'],
];

const NEW = ''; // the id under which the draft of a new document is kept
const AT_ONCE = 200_000; // characters that are kept with every key

export async function show(outlet, {db, id = null, query}, signal) {
  const old = query.get('rev'); // an older revision is looked at, not edited
  const read = async (asked) => compute('document', {text: await text(path(db, id), {query: asked, signal})}, signal);
  let {form: original, rev, stubs} = id === null ? {form: await blank(), rev: null, stubs: []} : await read({rev: old});
  let newest = rev; // the revision whose text `original` is; `rev` is the one that the edits began with
  const isLocal = id?.startsWith('_local/') ?? false;
  const draft = old ? null : draftOf(db, id ?? NEW);

  const problem = problemLine();
  const note = h('div', {class: 'warning', hidden: true});
  const tooLong = h('div', {class: 'warning', role: 'status', hidden: true}, 'These edits are too long to be kept over a reload: they last until this tab is left.');
  const save = h('button', {class: 'primary', onclick: () => store(), title: 'Ctrl+S'}, id === null ? 'Create' : 'Save');
  const editor = jsonEditor({label: id === null ? 'New document' : `Text of ${id}`, validate: 'checkObject', submit: () => store(), readOnly: old !== null});
  const isChanged = () => editor.value !== original;
  const keepSoon = debounced(keep, 250);
  let isOver = old !== null; // there is nothing to be kept (any more): what was typed is saved, or gone with the document
  let saving = null;

  function keep() {
    save.disabled = saving !== null || (!isChanged() && id !== null);
    if (isOver) return;
    tooLong.hidden = !isChanged() || keepDraft(db, id ?? NEW, {text: editor.value, base: rev});
    if (!isChanged()) dropDraft(db, id ?? NEW);
  }
  function tell(error) {
    replace(problem, typeof error === 'string' ? error : words(error), wayIn(error));
    problem.hidden = false;
  }

  // One after the other: a second request would be refused for the revision that the first one made.
  async function store() {
    while (saving) await saving;
    keep();
    if (isOver || (id !== null && !isChanged())) return;
    problem.hidden = true;
    save.disabled = true;
    saving = storeNow();
    await saving;
    saving = null;
    keep();
  }

  async function storeNow() {
    try {
      const wrong = await editor.look();
      if (!wrong) return await (id === null ? create() : update());
      editor.select(wrong.at, wrong.at + 1);
      editor.focus();
      tell(`Not saved. Line ${wrong.line}, column ${wrong.column}: ${wrong.message}`);
    } catch (error) {
      if (error.status === 409) await conflict().catch(tell);
      else tell(error);
    }
  }

  async function update() {
    const body = editor.value;
    const {hasRev} = await compute('own', {text: body}, signal);
    const reply = await send('PUT', path(db, id), {query: hasRev || isLocal ? {} : {rev}, body, signal});
    toast(`Saved as ${reply.rev}.`);
    await follow(body);
  }

  async function create() {
    const body = editor.value;
    const {id: own} = await compute('own', {text: body}, signal);
    const reply = await (own === null ? send('POST', path(db), {body, signal}) : send('PUT', path(db, own), {body, signal}));
    end();
    toast(`${reply.id} was made.`);
    go(['db', db, 'doc', reply.id]);
  }

  function end() {
    isOver = true;
    dropDraft(db, id ?? NEW);
  }

  // Somebody else was faster: what was typed is one side of a merge, and a draft of the document until that is done.
  async function conflict() {
    const mine = editor.value;
    const own = id ?? (await compute('own', {text: mine})).id;
    const {openMerge} = await import('./merge.js');
    end();
    keepDraft(db, own, {text: mine, base: rev});
    openMerge({db, id: own, mine, base: rev});
  }

  // The document has a new revision, which has this text. If no more was typed, it is shown as it is stored; otherwise the edits go on
  // from it.
  async function follow(stored) {
    const fresh = await read();
    let edited = null;
    let next = null;
    while (edited !== editor.value) { // somebody may type meanwhile
      edited = editor.value;
      next = edited === stored ? fresh.form : await compute('rebased', {edited, fresh: fresh.form}, signal).catch(() => edited); // no JSON yet: saving it leads to a merge
    }
    ({form: original, rev, stubs} = fresh);
    newest = rev;
    editor.value = next;
    note.hidden = true;
    keep();
    attachments?.draw();
    revisions?.draw();
  }

  async function blank() {
    const from = query.get('id') ?? (await json('_uuids')).uuids[0];
    return `{\n  "_id": ${JSON.stringify(from)}\n}`;
  }

  async function remove() {
    if (!(await confirm('Delete this document?', id, 'Delete', {danger: true}))) return;
    try {
      await call('DELETE', path(db, id), {query: {rev}, signal});
      end();
      toast(`${id} is deleted.`);
      go(['db', db]);
    } catch (error) {
      tell(error);
    }
  }

  async function duplicate() {
    const to = h('input', {required: true, value: (await json('_uuids')).uuids[0]});
    const made = await ask({
      title: 'Duplicate', button: 'Make a copy', content: field('Id of the copy', to, 'Attachments are copied as well. Edits that are not saved are not.'),
      submit: async () => (await send('COPY', path(db, id), {query: {rev}, headers: {Destination: path(to.value)}})).id,
    });
    if (made !== null) go(['db', db, 'doc', made]);
  }

  function discard() {
    const before = {edited: editor.value, rev};
    const put = (value, base) => {
      editor.value = value;
      rev = base;
      keep();
    };
    put(original, newest);
    note.hidden = true;
    toast('Edits are discarded.', {action: ['Undo', () => (signal.aborted ? keepDraft(db, id ?? NEW, {text: before.edited, base: before.rev}) : put(before.edited, before.rev))]});
  }

  // Take up an older revision's content as an edit of the present one.
  async function restore() {
    if (draftOf(db, id) && !(await confirm('Give up the edits that are not saved?', id, 'Give them up', {danger: true}))) return;
    const present = await read();
    const content = await compute('rebased', {edited: editor.value, fresh: present.form, gone: ['_rev', '_attachments']}, signal);
    keepDraft(db, id, {text: content, base: present.rev});
    go(['db', db, 'doc', id]);
  }

  const attachments = id === null || isLocal ? null : attachmentsPanel({db, id, rev: () => rev, stubs: () => stubs, changed: () => follow(original), editable: old === null});
  const revisions = id === null || isLocal ? null : revisionsPanel({db, id, shown: () => rev, signal});
  const format = h('button', {onclick: async () => (await editor.format()) || tell('This is no JSON yet, so it cannot be formatted.')}, 'Format');
  outlet.append(
    h('h1', {}, id ?? 'New document'),
    old ? h('div', {class: 'bar-of-tools'}, h('span', {class: 'badge warn'}, `Revision ${old}`), h('a', {class: 'button', href: link(['db', db, 'doc', id])}, 'The present one'),
      h('button', {onclick: () => restore().catch(tellFailure)}, 'Edit from here'))
      : h('div', {class: 'bar-of-tools'}, save, format, id !== null && !isLocal && menu('More', [
        ['Duplicate …', () => duplicate().catch(tellFailure)], ['Discard edits', discard], null, ['Delete …', remove, {danger: true}]])),
    note, tooLong, problem,
    h('div', {class: 'beside'}, editor, h('div', {class: 'side'}, attachments?.element ?? '', revisions?.element ?? '')));

  editor.value = draft?.text ?? original;
  if (draft && draft.text !== original) {
    const isBehind = draft.base !== rev;
    note.hidden = false;
    note.append(isBehind ? 'These are edits of an older revision that were not saved. Saving leads to a merge with what has changed since. ' : 'These are edits that were not saved yet. ',
      h('button', {onclick: discard}, 'Discard them'));
    if (isBehind) rev = draft.base;
  }
  if (old === null && draftOf(mergesOf(db), id)?.mine !== undefined) {
    note.hidden = false;
    note.append(' A merge of such edits was begun. ', h('a', {class: 'button', href: link(['db', db, 'doc', id, 'merge'])}, 'Go on with it'));
  }
  keep();
  editor.area.addEventListener('input', () => (editor.value.length < AT_ONCE ? keep() : keepSoon()));
  signal.addEventListener('abort', () => {
    keep();
    isOver = true;
  });
  addEventListener('pagehide', keep, {signal});
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
