// Documents as a file: a line of JSON each, letter for letter as they are stored, or a table of members (CSV).

import {sliceOf} from '../merge/json-nodes.js';
import {documentsOf} from './bodies.js';

const PAGE = 200;

// Documents with these ids, or of a range `{start, end}`, page by page: yields [id, node].
export async function* documents(where, {ids, range}, signal) {
  if (ids) {
    for (let at = 0; at < ids.length; at += PAGE) yield* await documentsOf(where, {keys: ids.slice(at, at + PAGE)}, signal);
    return;
  }
  const end = range.end === null ? {} : {endkey: range.end, inclusive_end: false};
  let start = range.start;
  for (;;) {
    const found = await documentsOf(where, {...start === null ? {} : {startkey: start}, ...end, limit: PAGE + 1}, signal);
    yield* found.slice(0, PAGE);
    if (found.length <= PAGE) return;
    start = found[PAGE][0]; // the next page begins with the row that was one too many
  }
}

// The parts of a file; `fields` are the columns, null for JSON lines. `told(number)` hears how many there are so far.
export async function fileOf(found, fields, told) {
  const parts = fields ? [`${['_id', ...fields.map(guarded)].map(quoted).join(',')}\r\n`] : [];
  let number = 0;
  let chunk = '';
  for await (const [id, node] of found) {
    if (node === null) continue; // deleted meanwhile
    chunk += fields ? `${[guarded(id), ...fields.map((name) => plain(node, name))].map(quoted).join(',')}\r\n` : `${sliceOf(node)}\n`;
    number += 1;
    if (chunk.length > 500_000) {
      parts.push(new Blob([chunk]));
      chunk = '';
      told(number);
    }
  }
  parts.push(chunk);
  return {blob: new Blob(parts, {type: fields ? 'text/csv' : 'application/jsonl'}), number};
}

// A string as it is, everything else as it is spelt in JSON. What a spreadsheet would take for a formula gets an apostrophe.
function plain(node, name) {
  const found = node.members.get(name)?.node;
  if (!found) return '';
  if (found.kind !== 'string') return sliceOf(found);
  return guarded(JSON.parse(sliceOf(found)));
}

const guarded = (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

// Hand a file to the browser's downloads.
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
