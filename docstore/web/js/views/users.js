// Who may sign in: administrators, who stand in the configuration, and users, who are documents.

import {call, json, path, send, text} from '../api.js';
import {ask, confirm} from '../components/dialog.js';
import {virtualList} from '../components/virtual-list.js';
import {tellFailure, toast} from '../components/toast.js';
import {Bodies} from '../documents/bodies.js';
import {KeyedRows} from '../documents/keyed-rows.js';
import {debounced, field, h} from '../dom.js';
import {many} from '../format.js';
import {nodesOf, withMember} from '../lossless/members.js';
import {stringMember} from '../merge/document-text.js';
import {sliceOf} from '../merge/json-nodes.js';
import {show as showAgain} from '../router.js';
import {serverTabs} from '../server/tabs.js';
import {session} from '../session.js';
import {hasComma} from './settings.js';

const DB = '_users';
const PREFIX = 'org.couchdb.user:';
const LAST = '\u{10ffff}';
const ADMINS = path('_node', '_local', '_config', 'admins');

export async function show(outlet, {query}, signal) {
  outlet.append(h('h1', {}, 'Users'), serverTabs('Users'), await administrators(signal));
  try {
    await users(outlet, query.get('filter') ?? '', signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    outlet.append(h('p.note', {}, 'There is no database of users yet, so only administrators can sign in. ',
      h('button', {onclick: () => send('PUT', DB).then(() => showAgain(), tellFailure)}, 'Make it')));
  }
}

async function administrators(signal) {
  const names = Object.keys(await json(ADMINS, {signal}));
  const who = await session();
  return h('section.panel', {},
    h('div.bar-of-tools', {}, h('h2', {}, 'Administrators'), h('button.spread', {onclick: () => administrator(null, names)}, 'New administrator')),
    names.length ? h('ul.attachments', {}, names.map((name) => h('li', {}, h('span.grow', {}, name, name === who.name && h('span.quiet', {}, ' (you)')),
      h('button.plain', {onclick: () => administrator(name)}, 'Password'),
      h('button.plain', {'aria-label': `Remove ${name}`, onclick: () => removeAdministrator(name, names.length === 1)}, '✕'))))
      : h('p.warning', {}, 'There is none in the configuration: everybody on this machine may do everything.'));
}

const passwords = () => {
  const one = h('input', {type: 'password', autocomplete: 'new-password', required: true});
  const again = h('input', {type: 'password', autocomplete: 'new-password', required: true});
  const value = () => {
    if (one.value !== again.value) throw new Error('The two passwords differ.');
    return one.value;
  };
  return {fields: [field('Password', one), field('Password once more', again)], value, one, again};
};

async function administrator(name, others = []) {
  const word = passwords();
  const called = h('input', {required: true, value: name ?? '', readOnly: name !== null, autocapitalize: 'none'});
  const done = await ask({title: name ? `Another password for ${name}` : 'New administrator', button: 'Save', content: [field('Name', called), word.fields],
    submit: async () => {
      if (others.includes(called.value)) throw new Error('There is an administrator of this name.');
      await send('PUT', `${ADMINS}/${path(called.value)}`, {json: word.value()});
      return true;
    }});
  if (done) await showAgain();
}

async function removeAdministrator(name, isLast) {
  const words = isLast ? `${name} is the last one. Without any, everybody on this machine may do everything, and nobody else anything.` : name;
  if (!(await confirm('Remove this administrator?', words, 'Remove', {danger: true}))) return;
  await send('DELETE', `${ADMINS}/${path(name)}`).then(() => session({fresh: true})).then(() => showAgain(), tellFailure);
}

async function users(outlet, start, signal) {
  const filter = h('input', {type: 'search', placeholder: 'Names that begin with …', 'aria-label': 'Names that begin with', value: start});
  const told = h('span.quiet', {role: 'status'});
  let rows = null;
  const bodies = new Bodies(DB, signal, {changed: () => list.refresh(), failed: tellFailure});
  const nameOf = (index) => rows.get(index)?.id.slice(PREFIX.length);
  const list = virtualList({
    count: 0, label: 'Users', head: ['Name', 'Roles', 'Password'], columns: 'minmax(8rem, 1fr) minmax(0, 2fr) minmax(6rem, 1fr)',
    draw(index) {
      const row = rows.get(index);
      if (!row) return null;
      const doc = bodies.get(row.id);
      return [nameOf(index), doc ? rolesOf(doc).join(', ') : '', h('span.quiet', {}, doc ? schemeOf(doc) : '')];
    },
    onRange(first, last) {
      rows.want(first, last);
      const ids = [];
      for (let at = first; at <= last; at += 1) if (rows.get(at)) ids.push(rows.get(at).id);
      bodies.want(ids);
    },
    onOpen: (index) => edit(nameOf(index)),
  });
  list.addEventListener('dblclick', () => list.active >= 0 && edit(nameOf(list.active)));

  async function load() {
    const from = PREFIX + filter.value;
    const fresh = new KeyedRows(DB, {start: from, end: from + LAST}, signal, {changed: draw, failed: tellFailure});
    await fresh.open();
    if (from !== PREFIX + filter.value) return; // more was typed meanwhile
    rows = fresh;
    draw();
  }
  function draw() {
    if (list.count !== rows.count) list.count = rows.count;
    list.refresh();
    told.textContent = many(rows.count, 'user');
  }
  async function edit(name) {
    if (await editUser(name)) {
      bodies.forget();
      await load();
    }
  }
  filter.addEventListener('input', debounced(() => load().catch(tellFailure), 120));
  outlet.addEventListener('viewkey', ({detail: {key, event}}) => {
    if (key === 'n') edit(null);
    else if (key === 'e' && list.active >= 0) edit(nameOf(list.active));
    else if (!list.press(event)) return;
    event.preventDefault();
  });
  const tools = h('div.bar-of-tools', {}, h('h2', {}, 'Users'), h('div.grow', {}, filter), told,
    h('button', {onclick: () => list.active >= 0 && edit(nameOf(list.active))}, 'Edit'), h('button.primary', {onclick: () => edit(null)}, 'New user'));
  await load();
  outlet.append(tools, list);
}

export const keys = [['n', 'a new user'], ['e', 'edit the marked user']];

function rolesOf(doc) {
  const found = doc.members.get('roles')?.node;
  return found?.kind === 'array' ? JSON.parse(sliceOf(found)) : [];
}

const schemeOf = (doc) => stringMember(doc, 'password_scheme') ?? 'none';

// A user made or changed; of an account that is there everything else stays as it is. True if something was.
async function editUser(name) {
  const where = name === null ? null : path(DB, PREFIX + name);
  const before = where && await text(where);
  const doc = before && nodesOf(before);
  const called = h('input', {required: true, value: name ?? '', readOnly: name !== null, autocapitalize: 'none'});
  const known = doc ? rolesOf(doc) : [];
  const roles = h('input', {value: known.join(', '), readOnly: hasComma(known), autocapitalize: 'none'});
  const word = passwords();
  if (name !== null) word.one.required = word.again.required = false;
  const gone = h('input', {type: 'checkbox'});
  const done = await ask({
    title: name === null ? 'New user' : `User ${name}`, button: 'Save',
    content: [field('Name', called), field('Roles', roles, roles.readOnly ? 'One has a comma in it: change them in its document.' : 'with commas between them'), word.fields,
      name === null ? null : [h('small', {}, 'Without a password the present one stays.'), h('label.check', {}, gone, 'Delete this user')]],
    submit: async () => {
      if (gone.checked) return call('DELETE', where, {query: {rev: stringMember(doc, '_rev')}});
      const list = JSON.stringify(roles.value.split(',').map((role) => role.trim()).filter(Boolean));
      const password = word.value();
      let body = before ?? JSON.stringify({name: called.value, type: 'user'});
      if (name === null || roles.value !== known.join(', ')) body = withMember(body, 'roles', list);
      if (password) body = withMember(body, 'password', JSON.stringify(password));
      return send('PUT', where ?? path(DB, PREFIX + called.value), {body});
    },
  });
  if (done) toast(gone.checked ? `${name} is deleted.` : `${called.value} is saved.`);
  return done !== null;
}
