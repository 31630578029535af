// What surrounds every view: navigation, who is signed in, the theme, titles and focus, keys that work everywhere.

import {openHelp} from './components/help.js';
import {menu} from './components/menu.js';
import {openPalette} from './components/palette.js';
import {tellFailure, words} from './components/toast.js';
import {$, h, replace, typesInto} from './dom.js';
import {ACTIONS, DATABASE_TABS, PLACES} from './places.js';
import {go, link, show} from './router.js';
import {session, signOut} from './session.js';

let shell = null;
let current = {params: {}, keys: []};

export async function drawShell(element) {
  shell = element;
  replace(shell,
    h('div.bar', {},
      h('a.brand', {href: '#/'}, h('img', {src: 'icon.svg', alt: '', width: 24, height: 24}), 'docstore'),
      h('nav', {'aria-label': 'Main', id: 'places'}),
      h('div.tools', {},
        h('button', {id: 'jump', onclick: jump}, 'Jump ', h('kbd', {}, '/')),
        h('button.plain', {onclick: () => openHelp(current.keys), 'aria-label': 'Keys', title: 'Keys (?)'}, '?'),
        h('button.plain', {onclick: switchTheme, 'aria-label': 'Light or dark', title: 'Light or dark (t)'}, '◐'),
        h('div', {id: 'who'}))),
    h('nav', {'aria-label': 'Database', id: 'within', hidden: true}));
  ACTIONS.push(['Light or dark', 'the colours of this page', switchTheme, false]);
  addEventListener('session', drawWho);
  addEventListener('places', () => current && drawNavigation(current));
  document.addEventListener('keydown', onKey);
  $('.skip').addEventListener('click', (event) => {
    event.preventDefault(); // the address is that of the view
    $('#main').focus();
  });
  await session().catch(() => {});
}

async function drawWho() {
  const who = await session();
  const place = $('#who');
  if (who.name !== null) {
    replace(place, menu(who.name, [['My account', () => go(['account'])], ['Sign out', leave]], {class: 'plain'}));
  } else {
    replace(place, who.isParty
      ? h('a.button', {href: '#/setup', title: 'This server has no administrator: everybody on this machine may do everything.'}, 'Set up')
      : h('a.button', {href: '#/login'}, 'Sign in'));
  }
}

async function leave() {
  try {
    await signOut();
    go(['login']);
  } catch (error) {
    tellFailure(error);
  }
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
  try {
    localStorage.setItem('docstore-theme', root.dataset.theme);
  } catch {
    // not kept then
  }
}

const jump = () => openPalette(current.params.db);

// A view is there: called once when it begins to draw, and again when it is complete.
export function shown(place) {
  current = place;
  drawNavigation(place);
  $('#main').setAttribute('aria-busy', String(!place.complete));
  if (!place.complete) return;
  const heading = $('#main h1');
  document.title = heading ? `${heading.textContent} · docstore` : 'docstore';
  if (document.activeElement === document.body || !document.activeElement) {
    if (heading) heading.tabIndex = -1;
    (heading ?? $('#main')).focus({preventScroll: true});
  }
}

function drawNavigation({pattern, params, segments}) {
  const inside = params.db !== undefined;
  replace($('#places'), PLACES.map(([title, to]) => {
    const here = to.length ? segments[0] === to[0] : inside || !segments.length;
    return h('a', {href: link(to), 'aria-current': here && 'page'}, title);
  }));
  const within = $('#within');
  within.hidden = !inside;
  replace(within, inside && [
    h('span.database', {title: params.db}, params.db),
    DATABASE_TABS.map(([title, to, patterns]) =>
      h('a', {href: link(['db', params.db, ...to]), 'aria-current': patterns.includes(pattern) && 'page'}, title)),
  ]);
}

// A view failed: nobody is signed in, or what the server says.
export function failed(error, outlet, place) {
  if (error.status === 401 && place.segments[0] !== 'login') {
    location.replace(link(['login'], {next: location.hash})); // the way back is not to lead here again
    return;
  }
  replace(outlet,
    h('h1', {}, error.status === 404 ? 'Not found' : 'That did not work'),
    h('p.problem', {role: 'alert'}, words(error)),
    h('p.buttons', {}, h('button', {onclick: () => show()}, 'Try again'), h('a.button', {href: '#/'}, 'All databases')));
  shown({...place, pattern: '', params: {}, keys: [], complete: true});
}

function onKey(event) {
  if (event.defaultPrevented || document.querySelector('dialog[open]')) return;
  if (event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    if (event.key === 'k') {
      event.preventDefault();
      jump();
    }
    return;
  }
  if (typesInto(event.target)) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const everywhere = {'/': jump, '?': () => openHelp(current.keys), t: switchTheme, f: toFilter}[event.key];
  if (everywhere) {
    event.preventDefault();
    everywhere();
    return;
  }
  $('#main > .view')?.dispatchEvent(new CustomEvent('viewkey', {detail: {key: event.key, event}}));
}

const toFilter = () => $('#main input[type=search]')?.focus();
