// What is to be merged: which revisions, read as text.
//
// Owns the choice of sides. An edit that was refused with 409 stands against the winner of now, and both come from the revision that the
// edit began with. A document in conflict has its winner against each other live leaf in turn, and both come from their newest
// common ancestor.

import {call, json, path, text} from '../api.js';
import {History, shortRev} from '../tree/history.js';

const NOTHING = '{}';

// `{base, ours, theirs, names, revs, step, steps, target, leaves, sources, note}`. `base`, `ours` and `theirs` are texts; `base` is null
// if it is not to be had. `names` are what people call them. `step` of `steps` counts the leaves to merge. `target` is the revision
// that the result follows, null if it makes the document anew; `leaves` are the live ones that a resolution needs, null for an
// edit. `sources` are revisions that attachments may come from, `known` is the
// server's own merge where the ancestor's text is not to be had. `draft` is that of `views/merge.js`, or null; `step` begins with 0 and
// `soFar` is the result of the step before.
export async function readSides(db, id, {draft, step = 0, soFar = null}, signal) {
  const history = await readHistory(db, id, signal);
  const read = (rev) => text(path(db, id), {query: {rev}, signal});
  const mergedByServer = (live) => tryOut(db, id, live.map((leaf) => leaf.rev), signal);
  return draft?.mine === undefined ? ofLeaves(history, step, soFar, read, mergedByServer) : ofEdit(history, draft, read);
}

async function readHistory(db, id, signal) {
  try {
    return new History(await json(path(db, id, '_tree'), {signal}));
  } catch (error) {
    if (error.status !== 404) throw error;
    return new History({nodes: [], winner: null});
  }
}

async function ofEdit(history, {mine, base}, read) {
  const winner = history.nodes.get(history.winner);
  const before = base ? await readable(read, base) : NOTHING;
  const common = {ours: mine, step: 0, steps: 1, leaves: null, revs: [base ?? '', winner?.rev ?? '']};
  if (winner === undefined || winner.deleted) {
    const names = {base: baseName(base), ours: 'Your edit', theirs: 'Deleted'};
    return {...common, base: mine, theirs: mine, names, target: null, sources: base ? [base] : [],
      note: 'The document was deleted meanwhile. Saving brings it back with your content.'};
  }
  const names = {base: baseName(base), ours: 'Your edit', theirs: named(winner, 'Saved meanwhile')};
  return {...common, base: before, theirs: await read(winner.rev), names, target: winner.rev, sources: [winner.rev, base].filter(Boolean),
    note: before === null ? missing(base) : null};
}

async function ofLeaves(history, step, soFar, read, mergedByServer) {
  const live = history.live();
  if (live.length < 2) return null;
  const [winner] = live;
  const against = live[step + 1];
  const ancestor = history.commonAncestor(winner.rev, against.rev);
  const base = ancestor ? await readable(read, ancestor.rev) : null;
  const known = base === null && live.length === 2 ? await mergedByServer(live) : null;
  return {
    base, ours: soFar ?? (await read(winner.rev)), theirs: await read(against.rev),
    names: {base: baseName(ancestor?.rev), ours: soFar === null ? named(winner, 'Winner') : 'Merged so far', theirs: named(against, 'Conflict')},
    revs: [...live.map((leaf) => leaf.rev), String(step)], step, steps: live.length - 1, target: winner.rev,
    leaves: live.map((leaf) => leaf.rev), sources: live.map((leaf) => leaf.rev), note: known ? KEPT : base === null ? missing(ancestor?.rev) : null,
    known,
  };
}

// The text of a revision whose body may be gone; null then.
async function readable(read, rev) {
  try {
    return await read(rev);
  } catch (error) {
    if (error.status === 404 || error.status === 400) return null;
    throw error;
  }
}

// What `_resolve` would come to, as text, which knows bodies that are kept for merges alone; null where it cannot tell either.
async function tryOut(db, id, leaves, signal) {
  try {
    const asked = {leaves, merge: 'three-way', on_conflict: 'winner'};
    return await (await call('POST', path(db, id, '_resolve'), {query: {dry_run: true}, json: asked, signal})).text();
  } catch (error) {
    if (error.status >= 400 && error.status < 500) return null;
    throw error;
  }
}

const KEPT = 'The content of the common ancestor is kept for merges alone: the server has merged what does not clash.';
const baseName = (rev) => (rev ? `Ancestor ${shortRev(rev)}` : 'Ancestor');
const named = (node, word) => [word, shortRev(node.rev), node.by && `by ${node.by}`].filter(Boolean).join(' ');
const missing = (rev) => (rev
  ? `The content of the common ancestor ${shortRev(rev)} is not stored here any more, so every difference has to be decided.`
  : 'The two have no ancestor that is known here, so every difference has to be decided.');
