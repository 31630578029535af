// The three-way merge by hand: ancestor, both sides, the result; each clash chosen by a click or a key, the result edited
// freely, written in one step.

import {mergeDesk} from '../components/merge-desk.js';
import {toast, words} from '../components/toast.js';
import {draftOf, dropDraft, keepDraft} from '../documents/drafts.js';
import {debounced, h, replace} from '../dom.js';
import {compute} from '../merge/off-page.js';
import {saveMerged} from '../merge/saving.js';
import {readSides} from '../merge/sides.js';
import {go, link, show as showAgain} from '../router.js';

// Drafts of merges stand beside those of edits. No database is called so. A draft is `{mine, base, revs, marks, result}`, `mine` and
// `base` those of an edit, the others what was done on the desk.
const AT_ONCE = 200_000; // characters that are kept with every key
const kept = (db) => `merge of ${db}`;

// An edit that the server refused since another one was faster: `mine` is the text that was to be saved, `base` the revision that
// it began with (null for a new document). Nothing of it is lost: it is kept until it is saved or dropped.
export function openMerge({db, id, mine, base}) {
  keepDraft(kept(db), id, {mine, base});
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
  outlet.append(h('h1', {}, `Merge ${id}`));
  if (sides === null) {
    dropDraft(kept(db), id);
    outlet.append(h('p', {}, 'This document is not in conflict.'), h('p', {}, h('a', {href: link(['db', db, 'doc', id])}, 'To the document')));
    return;
  }
  const holder = h('div', {class: 'merge'}, h('p', {role: 'status', class: 'quiet'}, 'Comparing…'));
  outlet.append(holder);

  const keep = (state) => signal.aborted || keepDraft(kept(db), id, {...draft, revs: sides.revs, marks: marksOf(state.places), result: state.text});
  const keepLater = debounced(keep, 300);
  async function draw() {
    const work = await restored(sides, draft, signal);
    const desk = mergeDesk({
      sides, work, signal,
      changed: (state) => (state.text.length + state.places.length < AT_ONCE ? keep(state) : keepLater(state)),
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
      keepDraft(kept(db), id, {mine: text, base: sides.target});
      toast('The document was changed once more meanwhile. Your result is merged with that.');
      await showAgain();
      return;
    }
    dropDraft(kept(db), id);
    toast(`Saved as ${rev}.`);
    go(['db', db, 'doc', id]);
  }

  async function drop() {
    dropDraft(kept(db), id);
    draft = null;
    if (sides.leaves === null) go(['db', db, 'doc', id]);
    else await showAgain();
  }

  try {
    await draw();
  } catch (error) {
    if (error.at === undefined) throw error;
    holder.append(h('p', {class: 'problem', role: 'alert'}, `A side is no JSON: ${words(error)}`));
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

const marksOf = (places) => places.map(({choice, start, end}) => [choice, start, end]);
