// The views of the server, side by side.

import {h} from '../dom.js';
import {link} from '../router.js';

const TABS = [['Overview', ['server']], ['Users', ['server', 'users']], ['Configuration', ['server', 'config']], ['CORS', ['server', 'cors']], ['Log', ['server', 'log']]];

export const serverTabs = (here) => h('nav.tabs', {'aria-label': 'Server'}, TABS.map(([title, to]) =>
  h('a', {href: link(to), 'aria-current': title === here && 'page'}, title)));
