// What may stand at a place of a query that is being typed: names of fields, operators, members of the query.
//
// Owns the reading of a text that is no JSON yet. It must not know the page, nor where names come from.

const COMBINING = ['$and', '$or', '$nor', '$not'];
const OF_ITEMS = ['$elemMatch', '$allMatch'];
const OPERATORS = ['$gt', '$gte', '$lt', '$lte', '$eq', '$ne', '$in', '$nin', '$exists', '$type', '$regex', '$beginsWith', '$size', '$mod', '$all',
  ...OF_ITEMS, '$keyMapMatch', '$not'];
const MEMBERS = ['selector', 'fields', 'sort', 'limit', 'skip', 'use_index', 'bookmark', 'execution_stats', 'conflicts', 'r', 'update', 'stable'];
const TOKEN = /"(?:[^"\\\n]|\\.)*"?|[{}[\],:]|[^\s"{}[\],:]+/g;
const MOST = 50;
const FURTHEST = 50_000; // characters before the cursor that are read

// What may take the place of the word before the cursor: `{from, to, words}`, each word with `text`, what is to be put there; null for
// nothing. `names()` resolves with those of `field-names.js`. `isQuery` says that the text is a whole query, not its selector; `isAsked` that
// something is wanted though no word was begun.
export async function suggestions(text, cursor, {names, isQuery = false, isAsked = false}) {
  if (cursor > FURTHEST) return null;
  const found = placeOf(text.slice(0, cursor), isQuery);
  if (found === null || (found.from === cursor && !isAsked)) return null;
  const {from, kind, at, isName} = found;
  const word = wordOf(text.slice(from, cursor));
  const isQuoted = from < cursor && text[from] === '"';
  const behind = (isQuoted ? /^(?:[^"\\\s,:{}[\]]*")?(\s*:)?/ : /^[\w$.]*(\s*:)?/).exec(text.slice(cursor, cursor + 200)); // the rest of the word
  const words = kind === 'query' ? matching(MEMBERS, word) : await ofSelector(kind, at, word, names);
  if (!words.length || (words.length === 1 && words[0] === word && behind[0])) return null;
  const to = cursor + behind[0].length - (behind[1]?.length ?? 0);
  return {from, to, words: words.map((one) => ({word: one, text: JSON.stringify(one) + (isName && behind[1] === undefined ? ': ' : '')}))};
}

// The same for a text that is a list of fields with commas between them.
export async function listed(text, cursor, {names}) {
  const word = /[^,]*$/.exec(text.slice(0, cursor))[0].trimStart();
  const words = word ? matching(within(await names(), ''), word) : [];
  return words.length && words[0] !== word ? {from: cursor - word.length, to: cursor, words: words.map((one) => ({word: one, text: one}))} : null;
}

async function ofSelector(kind, at, word, names) {
  if (word.startsWith('$')) return kind === 'selector' ? matching(at ? OPERATORS : COMBINING, word) : [];
  const fields = matching(within(await names(), at && `${at}.`), word);
  return kind === 'selector' && !word ? [...fields, ...(at ? OPERATORS : COMBINING)] : fields;
}

// Names of fields in an object, the most frequent ones first.
function within(names, outer) {
  return [...names].filter(([name]) => name.startsWith(outer)).map(([name, number]) => [name.slice(outer.length), number])
    .filter(([name]) => !name.includes('[]')).sort((a, b) => b[1] - a[1]).map(([name]) => name);
}

// Those that begin with a word, and then those that have it in them.
function matching(all, word) {
  const wanted = word.toLowerCase();
  const places = all.map((one) => [one, one.toLowerCase().indexOf(wanted)]).filter(([, place]) => place >= 0);
  return places.sort((a, b) => (a[1] > 0) - (b[1] > 0)).slice(0, MOST).map(([one]) => one);
}

const wordOf = (token) => {
  try {
    return token.startsWith('"') ? JSON.parse(`${token}"`) : token;
  } catch {
    return token.slice(1);
  }
};

// The word that a text ends with, and what may stand there: `{from, kind, at, isName}`. `kind` is `query` for a member of the query,
// `names` in its lists of fields, `selector` in a selector, of the field `at`. Null where nothing of that may stand.
function placeOf(text, isQuery) {
  const open = []; // what is not closed yet, outermost first: {mark, kind, at, name, isName}
  let last = null;
  for (const found of text.matchAll(TOKEN)) {
    const [token] = found;
    const inner = open.at(-1);
    last = found;
    if (token === '{' || token === '[') open.push({mark: token, ...(inner ? innerKind(inner, token) : outerKind(isQuery)), name: '', isName: token === '{'});
    else if (token === '}' || token === ']') open.pop();
    else if (!inner) return null;
    else if (token === ',') inner.isName = inner.mark === '{';
    else if (token === ':') inner.isName = false;
    else if (inner.isName) inner.name = wordOf(token.replace(/(.)"$/, '$1'));
  }
  const inner = open.at(-1);
  if (!inner || !(inner.mark === '{' ? inner.isName : inner.kind === 'names') || inner.kind === 'none') return null;
  const isWord = last.index + last[0].length === text.length && !'{[,:'.includes(last[0]);
  if (isWord && /^".*"$/.test(last[0])) return null; // it has ended
  return {from: isWord ? last.index : text.length, kind: inner.kind, at: inner.at, isName: inner.mark === '{'};
}

const outerKind = (isQuery) => ({kind: isQuery ? 'query' : 'selector', at: ''});

// What an object or an array is, of that which it stands in.
function innerKind({mark, kind, at, name}, token) {
  if (kind === 'query') return {kind: name === 'selector' ? 'selector' : ['fields', 'sort'].includes(name) ? 'names' : 'none', at: ''};
  if (kind !== 'selector' || mark === '[') return {kind, at};
  if (COMBINING.includes(name)) return {kind, at};
  if (token === '[' || (name.startsWith('$') && !OF_ITEMS.includes(name))) return {kind: 'none', at};
  return {kind, at: name.startsWith('$') ? `${at}[]` : at ? `${at}.${name}` : name};
}
