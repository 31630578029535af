// The first administrator of a fresh server, which so far lets everybody on its machine do everything.

import {path, send} from '../api.js';
import {problemLine, toast} from '../components/toast.js';
import {field, h} from '../dom.js';
import {go} from '../router.js';
import {session, signIn} from '../session.js';

export async function show(outlet) {
  const who = await session({fresh: true});
  outlet.append(h('h1', {}, 'Set up'));
  if (!who.isParty) {
    outlet.append(h('p', {}, 'This server has an administrator already. ', h('a', {href: '#/login'}, 'Sign in')));
    return;
  }
  const name = h('input', {name: 'username', autocomplete: 'username', required: true, value: 'admin', autocapitalize: 'none'});
  const password = h('input', {name: 'password', type: 'password', autocomplete: 'new-password', required: true});
  const again = h('input', {name: 'again', type: 'password', autocomplete: 'new-password', required: true});
  const problem = problemLine();
  const form = h('form.stack', {},
    field('Name', name), field('Password', password), field('Password once more', again), problem,
    h('div.buttons', {}, h('button.primary', {type: 'submit'}, 'Make this the administrator')));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      if (password.value !== again.value) throw new Error('The two passwords differ.');
      await send('PUT', path('_node', '_local', '_config', 'admins', name.value), {json: password.value});
      await signIn(name.value, password.value);
      toast(`${name.value} administers this server.`);
      go([]);
    } catch (error) {
      problem.tell(error);
    }
  });
  outlet.append(
    h('p', {}, 'This server has no administrator. It answers to programs of this machine alone, and each of them may do everything. '
      + 'With an administrator everybody has to sign in, and the server may listen to others.'), form);
  name.focus();
}
