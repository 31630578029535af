// A database as a whole: its numbers, who may use it, its limits, compaction, deletion.

import {call, json, path, send, text} from '../api.js';
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
    h('div', {class: 'columns'},
      await security(where, signal), await limits(where, who, signal), compaction(where),
      h('section', {class: 'panel'}, h('h2', {}, 'Delete'), h('p', {}, 'The database and all of its documents, for good.'),
        h('button', {class: 'danger', onclick: () => remove(db, info)}, 'Delete this database …'))));
}

function facts(info) {
  const told = [
    ['Documents', count(info.doc_count)], ['Deleted documents', count(info.doc_del_count)],
    ['In the file', bytes(info.sizes.file)], ['In use', bytes(info.sizes.active)], ['As JSON', bytes(info.sizes.external)],
    ['Update sequence', info.update_seq], ['Partitioned', info.props.partitioned ? 'yes' : 'no'],
    ['Compaction', info.compact_running ? 'running' : 'not running'],
  ];
  return h('dl', {class: 'facts'}, told.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]));
}

// The security object: names and roles in fields, and as it is where it has more than these.
async function security(where, signal) {
  const place = `${where}/_security`;
  let before = await text(place, {signal});
  const known = JSON.parse(before);
  const control = {};
  const fields = ['admins', 'members'].map((kind) => h('fieldset', {}, h('legend', {}, kind === 'admins' ? 'Admins' : 'Members'),
    ['names', 'roles'].map((list) => {
      control[`${kind}.${list}`] = h('input', {value: listOf(known?.[kind]?.[list]).join(', '), autocapitalize: 'none'});
      return field(list === 'names' ? 'Names' : 'Roles', control[`${kind}.${list}`]);
    })));
  const form = h('form', {class: 'stack'}, fields, h('small', {}, 'With commas between them. With no member at all everybody may read and write.'),
    h('div', {class: 'buttons'}, h('button', {class: 'primary'}, 'Save'), h('button', {type: 'button', onclick: asJson}, 'As JSON …')));
  async function store(body) {
    await call('PUT', place, {body});
    toast('Security is saved.');
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    let body = before;
    for (const [name, one] of Object.entries(control)) {
      const [kind, list] = name.split('.');
      const words = one.value.split(',').map((word) => word.trim()).filter(Boolean);
      const own = nodesOf(body).members.get(kind)?.node;
      body = withMember(body, kind, withMember(own?.kind === 'object' ? sliceOf(own) : '{}', list, JSON.stringify(words)));
    }
    store(body).then(() => { before = body; }, tellFailure);
  });
  async function asJson() {
    const editor = jsonEditor({label: 'The security object', validate: 'checkObject'});
    editor.value = formatted(await text(place));
    const done = await ask({title: 'Security', button: 'Save', wide: true, content: editor, submit: async () => {
      const wrong = await editor.look();
      if (wrong) throw new Error(`Line ${wrong.line}: ${wrong.message}`);
      await store(editor.value);
      return true;
    }});
    if (done) showAgain();
  }
  return h('section', {class: 'panel'}, h('h2', {}, 'Security'), form);
}

const listOf = (value) => (Array.isArray(value) ? value : []);

async function limits(where, who, signal) {
  const rows = [['_revs_limit', 'Revisions of a branch that are remembered']];
  if (who.isAdmin) rows.push(['_purged_infos_limit', 'Purges that are remembered']);
  const forms = await Promise.all(rows.map(async ([name, words]) => {
    const input = h('input', {type: 'number', min: 1, step: 1, required: true, value: await json(`${where}/${name}`, {signal})});
    return h('form', {class: 'stack', onsubmit: (event) => {
      event.preventDefault();
      send('PUT', `${where}/${name}`, {body: input.value}).then(() => toast('Saved.'), tellFailure);
    }}, field(words, input), h('div', {class: 'buttons'}, h('button', {}, 'Save')));
  }));
  return h('section', {class: 'panel'}, h('h2', {}, 'Limits'), forms);
}

function compaction(where) {
  const run = (place, said) => () => send('POST', `${where}/${place}`, {json: {}}).then(() => toast(said), tellFailure);
  return h('section', {class: 'panel'}, h('h2', {}, 'Compaction'),
    h('p', {}, 'Drops the bodies of revisions that others have taken the place of, in the background.'),
    h('div', {class: 'buttons'}, h('button', {onclick: run('_compact', 'Compaction has begun.')}, 'Compact'),
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
