// Short notes at the corner, also read aloud: what was done, or why it was not.

import {h} from '../dom.js';
import {link} from '../router.js';

const SHOWN = 6000;

// `kind`: 'done' or 'failed'. A failure stays until it is dismissed; `action` is `[label, call]`.
export function toast(message, {kind = 'done', action = null} = {}) {
  const place = document.getElementById('toasts');
  if (kind === 'failed') [...place.children].find((one) => one.firstChild.textContent === message)?.remove(); // once is enough
  const note = h('div', {class: `toast ${kind}`},
    h('span', {}, message),
    action && h('button.plain', {onclick: () => { note.remove(); action[1](); }}, action[0]),
    h('button.plain', {'aria-label': 'Dismiss', onclick: () => note.remove()}, '✕'));
  place.append(note);
  if (kind === 'done') setTimeout(() => note.remove(), SHOWN);
  return note;
}

// What an error says to people.
export const words = (error) => (error.error && error.status ? `${error.reason} (${error.status} ${error.error})` : error.message);

// Behind the words of a 401: where to sign in, and come back from. For views that keep what was typed.
export const wayIn = (error) => error.status === 401 && [' ', h('a', {href: link(['login'], {next: location.hash})}, 'Sign in'), '; the edits are kept.'];

// Where a view says what did not work: an element with `tell(error or sentence)`, not seen before that and while it is `hidden`.
export function problemLine() {
  const line = h('p.problem', {role: 'alert', hidden: true});
  line.tell = (error) => {
    line.textContent = error.message ? words(error) : error;
    line.hidden = false;
  };
  return line;
}

// Tell of an error, unless it is only that a view was left.
export function tellFailure(error) {
  if (error.name !== 'AbortError') toast(words(error), {kind: 'failed'});
}
