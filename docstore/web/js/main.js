// The page's start: the table of its states, each with the module that shows it.

import {start} from './router.js';
import {drawShell, failed, shown} from './shell.js';

const ROUTES = [
  ['/', () => import('./views/databases.js')],
];

await drawShell(document.getElementById('shell'));
await start(ROUTES, document.getElementById('main'), shown, failed);

// Everything else is fetched while nothing happens, so that no view needs the network for its code later.
const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 500));
idle(() => ROUTES.forEach(([, load]) => load().catch(() => {})));
