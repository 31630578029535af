// Where one can go and what one can do: what the navigation shows, and what the palette finds. A view that is to be found
// enters itself here.

import {go} from './router.js';

// Above all: [title, segments, what it is for].
export const PLACES = [
  ['Databases', [], 'all databases of this server'],
  ['Activity', ['activity'], 'tasks and replications, with their progress'],
  ['Server', ['server'], 'metrics, conflicts, versions'],
];

// Within a database: [title, segments behind `db/NAME`, the patterns of routes that belong to it].
export const DATABASE_TABS = [
  ['Documents', [], ['db/:db', 'db/:db/new', 'db/:db/doc/:id']],
  ['Conflicts', ['conflicts'], ['db/:db/conflicts', 'db/:db/doc/:id/tree', 'db/:db/doc/:id/merge']],
  ['Query', ['query'], ['db/:db/query', 'db/:db/indexes']],
  ['Views', ['views'], ['db/:db/views', 'db/:db/view/:ddoc/:view', 'db/:db/design', 'db/:db/design/:ddoc']],
  ['Search', ['search'], ['db/:db/search']],
  ['Changes', ['changes'], ['db/:db/changes']],
  ['Settings', ['settings'], ['db/:db/settings']],
];

// Actions: [title, hint, call with the database or undefined, whether it needs one].
export const ACTIONS = [
  ['Users', 'who may sign in', () => go(['server', 'users']), false],
  ['Configuration', 'the settings of the server', () => go(['server', 'config']), false],
  ['CORS', 'pages of other origins', () => go(['server', 'cors']), false],
  ['Log', 'what the server tells', () => go(['server', 'log']), false],
  ['New document', 'write one', (db) => go(['db', db, 'new']), true],
];
