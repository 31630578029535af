// The three-way merge by hand: ancestor, both sides, the result; each clash chosen by a click or a key, the result edited
// freely, written in one step.

import {mergeDesk} from '../components/merge-desk.js';
import {toast, words} from '../components/toast.js';
import {draftOf, dropDraft, keepDraft, mergesOf as kept} from '../documents/drafts.js';
import {debounced, h, replace} from '../dom.js';
import {compute} from '../merge/off-page.js';
import {saveMerged} from '../merge/saving.js';
import {readSides} from '../merge/sides.js';
import {go, link, show as showAgain} from '../router.js';

// A draft of a merge is `{mine, base, revs, marks, result}`, `mine` and
// `base` those of an edit, the others what was done on the desk.
const AT_ONCE = 200_000; // characters that are kept with every key

// An edit that the server refused since another one was faster: `mine` is the text that was to be saved, `base` the revision that
// it began with (null for a new document). Nothing of it is lost: it is kept until it is saved or dropped, and so is what was done at
// the desk with this very edit.
export function openMerge({db, id, mine, base}) {
  const before = draftOf(kept(db), id);
  if (before?.mine !== mine || before.base !== base) keepDraft(kept(db), id, {mine, base});
  go(['db', db, 'doc', id, 'merge']);
}

export const keys = [
  ['1 2 3 4', 'take our side, theirs, the ancestor, both'],
  ['n', 'to the next clash'],
  ['j k', 'from place to place'],
  ['e', 'into the result'],
  ['s', 'save'],
];

export async function show(outlet, {db, id}, signal) {
  let draft = draftOf(kept(db), id);
  let sides = await readSides(db, id, {draft}, signal);
  if (draft?.result !== undefined && !isOf(draft, sides)) {
    if (draft.marks.every(([choice]) => choice !== null)) keepDraft(kept(db), id, draft = {mine: draft.result, base: draft.target});
    sides = await readSides(db, id, {draft}, signal); // others were faster: the result so far is merged with theirs
  } else if (draft?.soFar) {
    sides = await readSides(db, id, {draft, step: Number(draft.revs.at(-1)), soFar: draft.soFar}, signal);
  }
  outlet.append(h('h1', {}, `Merge ${id}`));
  if (sides === null) {
    dropDraft(kept(db), id);
    outlet.append(h('p', {}, 'This document is not in conflict.'), h('p', {}, h('a', {href: link(['db', db, 'doc', id])}, 'To the document')));
    return;
  }
  const holder = h('div.merge', {}, h('p.quiet', {role: 'status'}, 'Comparing…'));
  outlet.append(holder);

  let last = null; // the state of the desk that is not kept yet
  const keep = (state) => keepDraft(kept(db), id, {
    ...draft, revs: sides.revs, marks: marksOf(state.places), result: state.text, target: sides.target, soFar: sides.step ? sides.ours : null,
  });
  const keepLast = () => {
    if (last !== null) keep(last);
    last = null;
  };
  const keepLater = debounced(keepLast, 300);
  signal.addEventListener('abort', keepLast);
  addEventListener('pagehide', keepLast, {signal});
  async function draw() {
    const work = await restored(sides, draft, signal);
    const desk = mergeDesk({
      sides, work, signal,
      changed: (state) => {
        last = state;
        if (state.text.length + state.places.length < AT_ONCE) keepLast();
        else keepLater();
      },
      save: (text) => (sides.step + 1 < sides.steps ? nextLeaf(text) : save(text)),
      drop,
    });
    replace(holder, desk.element);
    outlet.onviewkey = ({detail}) => {
      if (desk.press(detail.key)) detail.event.preventDefault();
    };
  }
  outlet.addEventListener('viewkey', (event) => outlet.onviewkey?.(event));

  async function nextLeaf(text) {
    sides = await readSides(db, id, {draft, step: sides.step + 1, soFar: text}, signal);
    await draw();
  }

  async function save(text) {
    let rev;
    try {
      rev = await saveMerged(db, id, sides, text, signal);
    } catch (error) {
      if (error.status !== 409) throw error;
      last = null;
      keepDraft(kept(db), id, {mine: text, base: sides.target});
      toast('The document was changed once more meanwhile. Your result is merged with that.');
      await showAgain();
      return;
    }
    forget();
    toast(`Saved as ${rev}.`);
    go(['db', db, 'doc', id]);
  }

  // The edit that is one side stays a draft of its document until now, so that it is found there if the merge is left.
  function forget() {
    last = null;
    dropDraft(kept(db), id);
    if (sides.leaves === null) dropDraft(db, id);
  }

  async function drop() {
    forget();
    draft = null;
    if (sides.leaves === null) go(['db', db, 'doc', id]);
    else await showAgain();
  }

  try {
    await draw();
  } catch (error) {
    if (error.at === undefined) throw error;
    holder.append(h('p.problem', {role: 'alert'}, `A side is no JSON: ${words(error)}`));
  }
}

// `{text, places}`: the merge, as it was left if the sides are still the same.
async function restored({base, ours, theirs, known, revs}, draft, signal) {
  const merged = await compute('merge', {base, ours, theirs, known}, signal);
  if (draft?.marks?.length !== merged.places.length || JSON.stringify(draft.revs) !== JSON.stringify(revs)) return merged;
  const places = merged.places.map((place, id) => {
    const [choice, start, end] = draft.marks[id];
    return {...place, choice, start, end};
  });
  return {text: draft.result, places};
}

// Whether a draft is of a merge of these revisions, whichever step of it.
const isOf = ({revs, soFar}, sides) => sides !== null
  && String(revs.slice(0, soFar ? -1 : undefined)) === String(sides.revs.slice(0, soFar ? -1 : undefined));

const marksOf = (places) => places.map(({choice, start, end}) => [choice, start, end]);
