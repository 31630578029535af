// A database as a whole: its numbers, who may use it, its limits, compaction, deletion.

import {call, json, path, send} from '../api.js';
import {ask} from '../components/dialog.js';
import {jsonEditor} from '../components/json-editor.js';
import {tellFailure, toast} from '../components/toast.js';
import {field, h} from '../dom.js';
import {bytes, count} from '../format.js';
import {formatted, nodesOf, withMember} from '../lossless/members.js';
import {sliceOf} from '../merge/json-nodes.js';
import {go, show as showAgain} from '../router.js';
import {session} from '../session.js';

export async function show(outlet, {db}, signal) {
  const where = path(db);
  const [info, who] = await Promise.all([json(where, {signal}), session()]);
  outlet.append(h('h1', {}, `Settings of ${db}`), facts(info),
    h('div.columns', {},
      await security(where, signal), await limits(where, who, signal), compaction(where),
      h('section.panel', {}, h('h2', {}, 'Delete'), h('p', {}, 'The database and all of its documents, for good.'),
        h('button.danger', {onclick: () => remove(db, info)}, 'Delete this database …'))));
}

function facts(info) {
  const told = [
    ['Documents', count(info.doc_count)], ['Deleted documents', count(info.doc_del_count)],
    ['In the file', bytes(info.sizes.file)], ['In use', bytes(info.sizes.active)], ['As JSON', bytes(info.sizes.external)],
    ['Update sequence', info.update_seq], ['Partitioned', info.props.partitioned ? 'yes' : 'no'],
    ['Compaction', info.compact_running ? 'running' : 'not running'],
  ];
  return h('dl.facts', {}, told.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

// The security object: names and roles in fields, and as it is where it has more than these. What nobody changed stays as it is, and
// what somebody else changed meanwhile is not written over.
async function security(where, signal) {
  const place = `${where}/_security`;
  const read = await call('GET', place, {signal, headers: {'If-None-Match': '"?"'}}); // so it tells its tag
  let tag = read.headers.get('ETag');
  let before = await read.text();
  const shown = (kind, list) => listOf(JSON.parse(before)?.[kind]?.[list]);
  const control = {};
  const fields = ['admins', 'members'].map((kind) => h('fieldset', {}, h('legend', {}, kind === 'admins' ? 'Admins' : 'Members'),
    ['names', 'roles'].map((list) => {
      const words = shown(kind, list);
      const input = control[`${kind}.${list}`] = h('input', {value: words.join(', '), readOnly: hasComma(words), autocapitalize: 'none'});
      return field(list === 'names' ? 'Names' : 'Roles', input, input.readOnly && 'One has a comma in it: change them as JSON.');
    })));
  const form = h('form.stack', {}, fields, h('small', {}, 'With commas between them. With no member at all everybody may read and write.'),
    h('div.buttons', {}, h('button.primary', {}, 'Save'), h('button', {type: 'button', onclick: asJson}, 'As JSON …')));
  async function store(body) {
    tag = (await call('PUT', place, {body, headers: {'If-Match': tag}})).headers.get('ETag');
    toast('Security is saved.');
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    let body = before;
    for (const [name, one] of Object.entries(control)) {
      const [kind, list] = name.split('.');
      if (one.value === shown(kind, list).join(', ')) continue;
      const words = one.value.split(',').map((word) => word.trim()).filter(Boolean);
      const own = nodesOf(body).members.get(kind)?.node;
      body = withMember(body, kind, withMember(own?.kind === 'object' ? sliceOf(own) : '{}', list, JSON.stringify(words)));
    }
    store(body).then(() => { before = body; }, tellFailure);
  });
  async function asJson() {
    const editor = jsonEditor({label: 'The security object', validate: 'checkObject'});
    editor.value = formatted(before);
    const done = await ask({title: 'Security', button: 'Save', wide: true, content: editor, submit: async () => {
      const wrong = await editor.look();
      if (wrong) throw new Error(`Line ${wrong.line}: ${wrong.message}`);
      await store(editor.value);
      return true;
    }});
    if (done) showAgain();
  }
  return h('section.panel', {}, h('h2', {}, 'Security'), form);
}

const listOf = (value) => (Array.isArray(value) ? value : []);
export const hasComma = (words) => words.some((word) => String(word).includes(','));

async function limits(where, who, signal) {
  const rows = [['_revs_limit', 'Revisions of a branch that are remembered']];
  if (who.isAdmin) rows.push(['_purged_infos_limit', 'Purges that are remembered']);
  const forms = await Promise.all(rows.map(async ([name, words]) => {
    const input = h('input', {type: 'number', min: 1, step: 1, required: true, value: await json(`${where}/${name}`, {signal})});
    return h('form.stack', {onsubmit: (event) => {
      event.preventDefault();
      send('PUT', `${where}/${name}`, {body: input.value}).then(() => toast('Saved.'), tellFailure);
    }}, field(words, input), h('div.buttons', {}, h('button', {}, 'Save')));
  }));
  return h('section.panel', {}, h('h2', {}, 'Limits'), forms);
}

function compaction(where) {
  const run = (place, said) => () => send('POST', `${where}/${place}`, {json: {}}).then(() => toast(said), tellFailure);
  return h('section.panel', {}, h('h2', {}, 'Compaction'),
    h('p', {}, 'Drops the bodies of revisions that others have taken the place of, in the background.'),
    h('div.buttons', {}, h('button', {onclick: run('_compact', 'Compaction has begun.')}, 'Compact'),
      h('button', {onclick: run('_view_cleanup', 'Indexes that no view needs are dropped.')}, 'Drop unused indexes')));
}

async function remove(db, info) {
  const typed = h('input', {required: true, autocapitalize: 'none'});
  const done = await ask({
    title: `Delete ${db}?`, button: 'Delete for good', danger: true,
    content: [h('p', {}, `${count(info.doc_count)} documents go with it. This cannot be undone.`), field('Type the name of the database', typed)],
    submit: async () => {
      if (typed.value !== db) throw new Error('That is not its name.');
      await send('DELETE', path(db));
      return true;
    },
  });
  if (!done) return;
  toast(`${db} is deleted.`);
  go([]);
}
