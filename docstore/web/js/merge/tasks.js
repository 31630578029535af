// What is computed for a merge, a diff, a document or the reply of a query, from texts to plain values that can be sent between threads.
//
// Owns the tasks by name; `worker.js` carries them out beside the page, and `off-page.js` asks it to.

import {findReply, viewReply} from '../query/document-rows.js';
import {check, checkObject} from '../lossless/check.js';
import {formatted, nodesOf, withMember, without} from '../lossless/members.js';
import {contentOf, stringMember} from './document-text.js';
import {parseNodes, sliceOf, Values} from './json-nodes.js';
import {pretty} from './pretty.js';
import {decidedBy} from './server-merge.js';
import {diffRows} from './structural-diff.js';
import {mergeThreeWay} from './three-way.js';

export const TASKS = {
  // `{text, places}` of the texts of three documents; `base` may be null. Then `known` may be what the server made of them.
  merge({base, ours, theirs, known = null}) {
    const values = new Values();
    const nodes = [base === null ? null : contentOf(base, values), contentOf(ours, values), contentOf(theirs, values)];
    const work = mergeThreeWay(...nodes);
    if (base !== null || known === null) return work;
    const reply = parseNodes(known, values);
    const clashes = JSON.parse(sliceOf(reply.members.get('clashes').node));
    return decidedBy(work, contentOf(sliceOf(reply.members.get('doc').node), values), clashes, values);
  },

  // `{rows, cut}` of the texts of two documents.
  diff({left, right}) {
    const values = new Values();
    return diffRows(contentOf(left, values), contentOf(right, values));
  },

  // Replies of `_find` and of views, which may be as long as their documents.
  find: ({text}) => findReply(text),
  view: ({text}) => viewReply(text),

  // What the editor wants of a text: its first problem or null, its form for people.
  check: ({text}) => check(text),
  code: () => null, // of a program nobody here can tell
  checkObject: ({text}) => checkObject(text),
  format: ({text}) => formatted(text),

  // What an edited text says of itself: its id, null if that is none, and whether it has a revision.
  own({text}) {
    const node = nodesOf(text);
    return {id: stringMember(node, '_id'), hasRev: node.members.has('_rev')};
  },

  // Edits that go on from another revision, whose `_rev` and `_attachments` take the place of theirs, without some members.
  rebased({edited, fresh, gone = []}) {
    const {members} = nodesOf(fresh);
    return formatted(['_attachments', '_rev'].filter((name) => members.has(name))
      .reduce((text, name) => withMember(text, name, sliceOf(members.get(name).node)), without(edited, gone)));
  },

  // Of a document's text: its form for people, its revision, and [name, stub] of its attachments.
  document({text}) {
    const node = nodesOf(text);
    const found = node.members.get('_attachments')?.node;
    const stubs = found?.kind === 'object' ? [...found.members].map(([name, stub]) => [name, JSON.parse(sliceOf(stub.node))]) : [];
    return {form: pretty(node), rev: stringMember(node, '_rev'), stubs};
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
