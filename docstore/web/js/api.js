// Requests to the server that this page comes from, and nothing else.
//
// Owns URLs, errors, and that documents stay text: `text` answers the very characters that the server sent, `json` is
// for lists, counts and settings, where no number is beyond 2^53 or matters as it is spelled.

// Where the API is: the folder above this page, whatever a proxy puts before it.
export const root = new URL('../', document.baseURI);

const PROBLEM = 'application/problem+json';

// What a request was refused with. `problem` has the members of the problem details, `body` the text.
export class ApiError extends Error {
  constructor(status, members, body) {
    super(members.reason || members.detail || members.title || `The server answered ${status}.`);
    this.name = 'ApiError';
    this.status = status;
    this.error = members.error || members.title || String(status);
    this.reason = this.message;
    this.problem = members;
    this.body = body;
  }
}

// The server was not reached, or the connection broke.
export class Unreachable extends Error {
  constructor() {
    super('The server does not answer.');
    this.name = 'Unreachable';
    this.status = 0;
    this.error = 'unreachable';
    this.reason = this.message;
  }
}

// A path from segments, each encoded: `path('films', id)`. `_design/x` and `_local/x` keep their slash. What browsers take out of a
// path is refused: the request would go to what stands above, such as the database.
export function path(...segments) {
  return segments.map(encode).join('/');
}

function encode(segment) {
  const [, before = '', name] = /^((?:_design|_local)\/)?(.+)$/s.exec(segment) ?? [];
  if (!name || name === '.' || name === '..') throw new Error(`Browsers cannot ask for what is called "${segment}".`);
  return before + encodeURIComponent(name);
}

// A query string's parameters, those that are undefined or null left out. `key('a')` is for parameters that are JSON.
export const key = (value) => JSON.stringify(value);

export function url(where, query) {
  const target = new URL(where, root);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null) target.searchParams.set(name, value);
  }
  return target;
}

// The reply to a request. `json` is a value, `body` text or bytes; raises ApiError for what is not 2xx, Unreachable,
// and what the signal was aborted with.
export async function call(method, where, {query, json, body, headers, signal, type} = {}) {
  const sent = new Headers({Accept: `${PROBLEM}, application/json`, ...headers});
  if (json !== undefined) body = JSON.stringify(json);
  if (body !== undefined && !sent.has('Content-Type')) sent.set('Content-Type', type ?? 'application/json');
  let reply;
  try {
    reply = await fetch(url(where, query), {method, headers: sent, body, signal, cache: 'no-store'});
  } catch (error) {
    if (error.name === 'AbortError' || signal?.aborted) throw error;
    throw new Unreachable();
  }
  if (!reply.ok) throw await refusal(reply);
  return reply;
}

async function refusal(reply) {
  const body = await reply.text().catch(() => '');
  let members = null;
  try {
    members = JSON.parse(body);
  } catch {
    // no JSON: a proxy's page, or nothing
  }
  return new ApiError(reply.status, members !== null && typeof members === 'object' ? members : {}, body);
}

// The text of a reply, letter for letter.
export const text = async (where, options) => (await call('GET', where, options)).text();

// A reply as a value.
export const json = async (where, options) => (await call('GET', where, options)).json();

// Send a value, or with `body` a text as it is; the reply as a value.
export const send = async (method, where, options) => (await call(method, where, options)).json();
