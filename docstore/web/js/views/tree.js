// One document's revisions: the tree as a picture, any two of them side by side.

import {json, path, text} from '../api.js';
import {diffTable} from '../components/diff-table.js';
import {words} from '../components/toast.js';
import {treePicture} from '../components/tree-picture.js';
import {virtualList} from '../components/virtual-list.js';
import {h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {compute} from '../merge/off-page.js';
import {go, link, setQuery} from '../router.js';
import {History, shortRev, stateOf} from '../tree/history.js';

const LEAVES_DRAWN = 24;
const LISTED_FROM = 2;

export const keys = [['m', 'merge'], ['x', 'exchange the two sides'], ['arrows', 'from revision to revision, in the picture']];

export async function show(outlet, {db, id, query}, signal) {
  const tree = new History(await json(path(db, id, '_tree'), {signal}));
  const leaves = tree.leaves();
  const live = leaves.filter((node) => !node.deleted).length;
  const chosen = {A: query.get('a') ?? tree.winner, B: query.get('b') ?? other(tree, leaves)};
  let next = 'B';

  const picture = h('div.tree-holder', {tabindex: '-1'});
  const comparison = h('section.comparison', {'aria-label': 'Comparison'});

  const marks = () => new Map(Object.entries(chosen).filter(([, rev]) => rev).map(([mark, rev]) => [rev, mark]));
  function draw() {
    const focused = document.activeElement?.closest?.('[data-rev]')?.dataset.rev;
    const drawn = treePicture(tree, {mostLeaves: LEAVES_DRAWN, pick, marks: marks()});
    replace(picture, drawn.picture, drawn.hidden ? h('p.quiet', {}, `${many(drawn.hidden, 'more leaf', 'more leaves')} are in the list below.`) : null);
    if (focused) picture.querySelector(`[data-rev="${CSS.escape(focused)}"]`)?.focus();
  }
  function pick(node) {
    chosen[next] = node.rev;
    next = next === 'A' ? 'B' : 'A';
    setQuery({a: chosen.A, b: chosen.B});
    draw();
    compare();
  }
  const list = leaves.length > LISTED_FROM ? virtualList({
    count: leaves.length, rowHeight: 34, label: 'Leaves', columns: 'minmax(10rem, 3fr) 1fr 1fr 1fr', head: ['Leaf', '', 'By', 'At'],
    draw: (index) => drawLeaf(leaves[index]),
    onOpen: (index) => pick(leaves[index]),
  }) : null;

  let comparing = null;
  async function compare() {
    comparing?.abort();
    const own = (comparing = new AbortController());
    const both = AbortSignal.any([own.signal, signal]);
    if (!chosen.A || !chosen.B) return replace(comparison, h('p.quiet', {}, 'Choose two revisions in the picture to compare them.'));
    replace(comparison, h('h2', {}, heading(chosen)), h('p.quiet', {role: 'status'}, 'Reading…'));
    try {
      const [left, right] = await Promise.all([chosen.A, chosen.B].map((rev) => readRevision(db, id, rev, both)));
      const {rows, cut} = await compute('diff', {left, right}, both);
      replace(comparison, h('h2', {}, heading(chosen)), diffTable(rows, {left: `A ${shortRev(chosen.A)}`, right: `B ${shortRev(chosen.B)}`, cut}));
    } catch (error) {
      if (!both.aborted) replace(comparison, h('h2', {}, heading(chosen)), h('p.problem', {role: 'alert'}, words(error)));
    }
  }

  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key === 'm' && live > 1) go(['db', db, 'doc', id, 'merge']);
    else if (detail.key === 'x') {
      [chosen.A, chosen.B] = [chosen.B, chosen.A];
      setQuery({a: chosen.A, b: chosen.B});
      draw();
      compare();
    } else if (!list?.press(detail.event)) return;
    detail.event.preventDefault();
  });
  draw();
  outlet.append(
    h('h1', {}, `Revisions of ${id}`),
    h('p', {}, `${many(tree.nodes.size, 'revision')}, ${many(leaves.length, 'leaf', 'leaves')}: ${count(live)} live, ${count(leaves.length - live)} deleted.`),
    h('div.bar-of-tools', {},
      h('a.button', {href: link(['db', db, 'doc', id])}, 'Document'),
      live > 1 ? h('a.button.primary', {href: link(['db', db, 'doc', id, 'merge'])}, 'Merge…') : null,
      h('span.quiet', {}, 'Click two revisions to compare them.')),
    picture, ...(list ? [list] : []), comparison);
  compare();
}

const heading = ({A, B}) => `${shortRev(A)} beside ${shortRev(B)}`;

// What the winner is best compared with at first: another live leaf, else its parent.
function other(tree, leaves) {
  const second = leaves.find((node) => !node.winner && !node.deleted);
  return second?.rev ?? tree.nodes.get(tree.winner)?.parent ?? null;
}

function drawLeaf(node) {
  return [h('span.mono', {}, node.rev), h('span', {class: `badge ${stateOf(node) === 'conflict' ? 'warn' : ''}`}, stateOf(node)),
    node.by ?? '', node.at ? String(node.at) : ''];
}

// The text of a revision. Throws an ApiError with words for one whose body is not there.
export async function readRevision(db, id, rev, signal) {
  try {
    return await text(path(db, id), {query: {rev}, signal});
  } catch (error) {
    if (error.status === 404) error.reason = error.message = `The body of ${shortRev(rev)} is not stored here any more.`;
    throw error;
  }
}
