// The page's start: the table of its states, each with the module that shows it.

import {findDouble} from './double/presence.js';
import {start} from './router.js';
import {drawShell, failed, shown} from './shell.js';

const ROUTES = [
  ['/', () => import('./views/databases.js')],
  ['login', () => import('./views/login.js')],
  ['setup', () => import('./views/setup.js')],
  ['account', () => import('./views/account.js')],
  ['db/:db', () => import('./views/documents.js')],
  ['db/:db/settings', () => import('./views/settings.js')],
  ['db/:db/new', () => import('./views/document.js')],
  ['db/:db/doc/:id', () => import('./views/document.js')],
  ['server', () => import('./views/server.js')],
  ['server/users', () => import('./views/users.js')],
  ['server/config', () => import('./views/config.js')],
  ['server/log', () => import('./views/log.js')],
  ['server/cors', () => import('./views/cors.js')],
  ['activity', () => import('./views/activity.js')],
  ['test-server', () => import('./views/double.js')],
  ['replications/new', () => import('./views/replicate.js')],
  ['db/:db/conflicts', () => import('./views/conflicts.js')],
  ['db/:db/doc/:id/tree', () => import('./views/tree.js')],
  ['db/:db/doc/:id/merge', () => import('./views/merge.js')],
  ['db/:db/query', () => import('./views/mango.js')],
  ['db/:db/indexes', () => import('./views/indexes.js')],
  ['db/:db/search', () => import('./views/search.js')],
  ['db/:db/views', () => import('./views/view.js')],
  ['db/:db/view/:ddoc/:view', () => import('./views/view.js')],
  ['db/:db/design', () => import('./views/design.js')],
  ['db/:db/design/:ddoc', () => import('./views/design.js')],
  ['db/:db/changes', () => import('./views/changes.js')],
];

await drawShell(document.getElementById('shell'));
await start(ROUTES, document.getElementById('main'), shown, failed);

// Everything else is fetched while nothing happens, so that no view needs the network for its code later.
const idle = globalThis.requestIdleCallback ?? ((call) => setTimeout(call, 500));
idle(() => ROUTES.forEach(([, load]) => load().catch(() => {})));
idle(findDouble);
