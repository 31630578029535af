// Signing in, for the cookie of a session.

import {problemLine} from '../components/toast.js';
import {append, field, h} from '../dom.js';
import {session, signIn} from '../session.js';

export async function show(outlet, {query}) {
  const who = await session({fresh: true});
  const next = query.get('next');
  const name = h('input', {name: 'username', autocomplete: 'username', required: true, autocapitalize: 'none'});
  const password = h('input', {name: 'password', type: 'password', autocomplete: 'current-password', required: true});
  const problem = problemLine();
  const button = h('button.primary', {type: 'submit'}, 'Sign in');
  const form = h('form.stack', {}, field('Name', name), field('Password', password), problem, h('div.buttons', {}, button));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await signIn(name.value, password.value);
      location.replace(next?.startsWith('#/') ? next : '#/');
    } catch (error) {
      problem.tell(error);
      password.select();
    } finally {
      button.disabled = false;
    }
  });
  append(outlet, [h('h1', {}, 'Sign in'),
    who.isParty && h('p.note', {}, 'This server has no administrator; nobody has to sign in. ', h('a', {href: '#/setup'}, 'Set one up')),
    who.name !== null && h('p.note', {}, `You are signed in as ${who.name}.`),
    next && who.name !== null && h('p.warning', {}, 'You may not see that page; another user may.'),
    form]);
  name.focus();
}
