// What a view is asked: fields of a form, as they stand in the address, to the parameters of a request.
//
// Owns their reading. It must not know the page.

export const KEYS = ['key', 'startkey', 'endkey'];

// `{name: text}` of what is filled in -> the query. What is no JSON is taken as a string, so that `alien` need not be quoted.
export function parametersOf(filled) {
  const query = {};
  for (const name of KEYS) if (filled[name]?.trim()) query[name] = asJson(filled[name].trim());
  if (filled.descending) query.descending = 'true';
  if (filled.reduce) {
    query.reduce = 'true';
    if (filled.group === 'exact') query.group = 'true';
    else if (Number(filled.group) > 0) query.group_level = String(Number(filled.group));
  } else query.reduce = 'false';
  return query;
}

function asJson(text) {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

// Where the next page of a view begins behind this row: its key, and of rows that are no groups its document.
export function following(query, row) {
  const {key, ...rest} = query;
  if (key !== undefined) return {...query, startkey_docid: row.id, skip: '1'};
  const isOfGroup = query.group_level !== undefined && query.descending && row.key.endsWith(']');
  const startkey = isOfGroup ? `${row.key.slice(0, -1)},{}]` : row.key; // backwards a group begins at its end
  return {...rest, startkey, ...(row.id === null ? {} : {startkey_docid: row.id}), skip: '1'};
}

// The views of the design documents of `_design_docs?include_docs=true`: `{ddoc, view, reduces}`, in order. Those of Mango are indexes.
export function viewsOf(rows) {
  return rows.filter(({doc}) => doc && doc.language !== 'query').flatMap(({doc}) =>
    Object.entries(doc.views ?? {}).filter(([name]) => name !== 'lib').map(([name, view]) => ({
      ddoc: doc._id.slice('_design/'.length), view: name, reduces: Boolean(view?.reduce),
    })));
}
