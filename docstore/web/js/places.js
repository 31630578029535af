// Where one can go: what the navigation shows, and what the palette finds. A view that is to be found enters itself here.

// Above all: [title, segments, what it is for].
export const PLACES = [
  ['Databases', [], 'all databases of this server'],
  ['Activity', ['activity'], 'tasks and replications, with their progress'],
];

// Within a database: [title, segments behind `db/NAME`, the patterns of routes that belong to it].
export const DATABASE_TABS = [
  ['Conflicts', ['conflicts'], ['db/:db/conflicts', 'db/:db/doc/:id/tree', 'db/:db/doc/:id/merge']],
  ['Query', ['query'], ['db/:db/query', 'db/:db/indexes']],
  ['Views', ['views'], ['db/:db/views', 'db/:db/view/:ddoc/:view', 'db/:db/design', 'db/:db/design/:ddoc']],
  ['Changes', ['changes'], ['db/:db/changes']],
];
