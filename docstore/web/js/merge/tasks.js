// What is computed for a merge or a diff, from texts to plain values that can be sent between threads.
//
// Owns the tasks by name; `worker.js` carries them out beside the page, and `off-page.js` asks it to.

import {contentOf} from './document-text.js';
import {Values} from './json-nodes.js';
import {diffRows} from './structural-diff.js';
import {mergeThreeWay} from './three-way.js';

export const TASKS = {
  // `{text, places}` of the texts of three documents; `base` may be null.
  merge({base, ours, theirs}) {
    const values = new Values();
    return mergeThreeWay(
      base === null ? null : contentOf(base, values),
      contentOf(ours, values),
      contentOf(theirs, values),
    );
  },

  // `{rows, cut}` of the texts of two documents.
  diff({left, right}) {
    const values = new Values();
    return diffRows(contentOf(left, values), contentOf(right, values));
  },
};

// The outcome of a task: `{result}` or `{error: {message, at}}`.
export function outcome(name, input) {
  try {
    return {result: TASKS[name](input)};
  } catch (error) {
    return { error: {message: String(error.message ?? error), at: error.at ?? null} };
  }
}
