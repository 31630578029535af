// Whether a text is JSON, and if not, where and why: `{at, line, column, message}`, or null.
//
// The browser's own parser says whether, since it is fast; its values are thrown away. Only for a text that is wrong the
// place is looked for.

import {JsonTextError, parseNodes, Values} from '../merge/json-nodes.js';

export function check(text) {
  if (!text.trim()) return problem(text, 0, 'There is nothing here.');
  try {
    JSON.parse(text);
    return null;
  } catch {
    // where is found out below
  }
  try {
    parseNodes(text, new Values());
  } catch (error) {
    if (error instanceof JsonTextError) return problem(text, error.at, error.message);
  }
  return problem(text, 0, 'This is no JSON.');
}

export function problem(text, at, message) {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return {at, line, column: at - before.lastIndexOf('\n'), message};
}

// For documents: JSON that is an object.
export function checkObject(text) {
  const found = check(text);
  if (found) return found;
  const start = text.search(/\S/);
  return text[start] === '{' ? null : problem(text, start, 'A document is an object, in { and }.');
}
