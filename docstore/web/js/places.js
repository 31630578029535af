// Where one can go: what the navigation shows, and what the palette finds. A view that is to be found enters itself here.

// Above all: [title, segments, what it is for].
export const PLACES = [
  ['Databases', [], 'all databases of this server'],
];

// Within a database: [title, segments behind `db/NAME`, the patterns of routes that belong to it].
export const DATABASE_TABS = [];
