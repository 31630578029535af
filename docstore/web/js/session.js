// Who uses the page: one answer of `_session`, kept until somebody signs in or out.

import {json, send} from './api.js';

let known = null;

// `{name, roles, isAdmin, isParty}`; `name` null for nobody. `isParty`: the server has no administrator, so everybody
// is one. A server that wants a login even for this question has nobody signed in.
export async function session({fresh = false} = {}) {
  if (known && !fresh) return known;
  let context = {name: null, roles: []};
  try {
    context = (await json('_session')).userCtx;
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  const isAdmin = context.roles.includes('_admin');
  known = {name: context.name, roles: context.roles, isAdmin, isParty: isAdmin && context.name === null};
  dispatchEvent(new CustomEvent('session', {detail: known}));
  return known;
}

export async function signIn(name, password) {
  await send('POST', '_session', {json: {name, password}});
  return session({fresh: true});
}

export async function signOut() {
  await send('DELETE', '_session');
  return session({fresh: true});
}
