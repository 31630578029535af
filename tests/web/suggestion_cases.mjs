// What may stand at the mark `|` of texts that are being typed: a line of JSON `[text, isQuery, isAsked]` in, a line of JSON out: the words
// and the text after the first of them is taken, or null.

import {readFileSync} from 'node:fs';
import {listed, suggestions} from '../../docstore/web/js/query/suggestions.js';

const NAMES = new Map([['year', 3], ['title', 2], ['year_seen', 1], ['address', 2], ['address.city', 2], ['address.zip', 1],
  ['crew', 1], ['crew[].name', 1], ['a\\.b', 1], ['say "x"', 1]]);
const names = async () => NAMES;

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [marked, kind, isAsked] = JSON.parse(line);
  const cursor = marked.indexOf('|');
  const text = marked.replace('|', '');
  const found = kind === 'list' ? await listed(text, cursor, {names}) : await suggestions(text, cursor, {names, isQuery: kind === 'query', isAsked});
  const taken = found && text.slice(0, found.from) + found.words[0].text + text.slice(found.to);
  console.log(JSON.stringify(found && [found.words.map(({word}) => word), taken]));
}
