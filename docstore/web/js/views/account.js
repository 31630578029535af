// One's own account: name, roles, another password.

import {json, path, send, text} from '../api.js';
import {problemLine, toast, words} from '../components/toast.js';
import {field, h} from '../dom.js';
import {withMember} from '../lossless/members.js';
import {go} from '../router.js';
import {session, signIn} from '../session.js';

export async function show(outlet) {
  const who = await session({fresh: true});
  if (who.name === null) return go([who.isParty ? 'setup' : 'login']);
  const password = h('input', {type: 'password', autocomplete: 'new-password', required: true});
  const again = h('input', {type: 'password', autocomplete: 'new-password', required: true});
  const problem = problemLine();
  const form = h('form.stack', {}, h('h2', {}, 'Another password'),
    h('input', {type: 'text', hidden: true, autocomplete: 'username', value: who.name, readonly: true}),
    field('New password', password), field('New password once more', again), problem,
    h('div.buttons', {}, h('button.primary', {type: 'submit'}, 'Change')));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      if (password.value !== again.value) throw new Error('The two passwords differ.');
      await change(who, password.value);
      await signIn(who.name, password.value);
      form.reset();
      toast('The password is changed. Other sessions of yours have ended.');
    } catch (error) {
      problem.tell(error.status === 403 ? `Users may not see their own accounts on this server. Ask an administrator for another password. (${error.reason})` : words(error));
    }
  });
  outlet.append(h('h1', {}, 'My account'),
    h('dl.facts', {}, h('dt', {}, 'Name'), h('dd', {}, who.name), h('dt', {}, 'Roles'), h('dd', {}, who.roles.join(', ') || 'none')), form);
}

// Admins stand in the configuration, all others in the database of users.
async function change(who, password) {
  if (who.isAdmin) {
    const admins = await json(path('_node', '_local', '_config', 'admins')).catch(() => ({}));
    if (Object.hasOwn(admins, who.name)) {
      await send('PUT', path('_node', '_local', '_config', 'admins', who.name), {json: password});
      return;
    }
  }
  const where = path('_users', `org.couchdb.user:${who.name}`);
  await send('PUT', where, {body: withMember(await text(where), 'password', JSON.stringify(password))});
}
