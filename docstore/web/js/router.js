// From the address to a view. Owns that every state of the page is an address, behind `#`: `#/db/films/doc/a%2Fb?rev=1-x`.
//
// A view is a module of `views/` with `async function show(outlet, params, signal)`. `params` has the named segments of
// its pattern, decoded, and `query` (URLSearchParams). `signal` is aborted when the view is left: requests and listeners
// get it. What `show` raises is shown in its place. Keys that no field takes come to the outlet as events `viewkey` with
// `{key, event}`; `export const keys = [[key, what it does]]` is what the help says of them.

let routes = [];
let outlet = null;
let leave = null;
let shown = () => {};
let failed = () => {};

// `table` is a list of [pattern, load]; `load()` gives the module. `onShown(place)` and `onError(error, place)` belong to
// the shell.
export function start(table, element, onShown, onError) {
  routes = table.map(([pattern, load]) => ({segments: pattern.split('/').filter(Boolean), pattern, load}));
  outlet = element;
  shown = onShown;
  failed = onError;
  addEventListener('hashchange', show);
  return show();
}

// `#/db/a%2Fb?x=1` of segments and a query.
export function link(segments, query) {
  const path = segments.map(encodeURIComponent).join('/');
  const search = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => (value ?? '') !== '')).toString();
  return `#/${path}${search && `?${search}`}`;
}

export function go(segments, query) {
  location.hash = link(segments, query);
}

// Another query of the same view: the address changes, the view stays and sees to it. `push` makes it a step for the
// back button, which then shows the view anew.
export function setQuery(query, {push = false} = {}) {
  const {segments} = place();
  const target = link(segments, query);
  if (push) history.pushState(null, '', target);
  else history.replaceState(null, '', target);
}

// Where the page is: decoded segments and the query.
export function place() {
  const hash = location.hash.startsWith('#/') ? location.hash.slice(2) : '';
  const [path, search = ''] = split(hash, '?');
  return {segments: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(search)};
}

function split(text, at) {
  const found = text.indexOf(at);
  return found < 0 ? [text] : [text.slice(0, found), text.slice(found + 1)];
}

export function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function match(segments) {
  for (const route of routes) {
    if (route.segments.length !== segments.length) continue;
    const params = Object.create(null);
    const fits = route.segments.every((pattern, at) => {
      if (!pattern.startsWith(':')) return pattern === segments[at];
      params[pattern.slice(1)] = segments[at];
      return true;
    });
    if (fits) return {route, params};
  }
  return null;
}

// Show what the address says; also called to show it anew.
export async function show() {
  if (location.hash && !location.hash.startsWith('#/')) return; // an anchor within the page
  leave?.abort();
  const own = (leave = new AbortController());
  const where = place();
  const found = match(where.segments);
  const fresh = document.createElement('div');
  fresh.className = 'view';
  try {
    if (!found) throw Object.assign(new Error('There is no such page.'), {status: 404});
    const module = await found.route.load();
    if (own.signal.aborted) return;
    outlet.replaceChildren(fresh);
    const told = {...where, pattern: found.route.pattern, params: found.params, keys: module.keys ?? []};
    shown(told);
    await module.show(fresh, {...found.params, query: where.query}, own.signal);
    if (!own.signal.aborted) shown({...told, complete: true});
  } catch (error) {
    if (own.signal.aborted) return;
    if (!fresh.isConnected) outlet.replaceChildren(fresh);
    failed(error, fresh, where);
  }
}
