// Merges by the page's rules: lines `[base, ours, theirs]` of texts in, lines `[merged, [pointers of clashes]]` out.

import {createInterface} from 'node:readline';
import {TASKS} from '../../docstore/web/js/merge/tasks.js';

for await (const line of createInterface({input: process.stdin})) {
  const [base, ours, theirs] = JSON.parse(line);
  const {text, places} = TASKS.merge({base, ours, theirs});
  const clashes = places.filter((place) => place.kind === 'clash').map((place) => place.pointer);
  console.log(JSON.stringify([text, clashes]));
}
