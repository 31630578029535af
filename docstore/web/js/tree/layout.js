// Where the revisions of a tree stand in its picture.
//
// Owns columns, lanes and what is folded: generations run from left to right, the winner's chain is on top, each other leaf has a lane of
// its own, which begins where its chain forks off. A stretch in which nothing happens is one dashed line. Only `mostLeaves` are
// drawn, and what is asked of a tree is bounded by their paths. It must not know how anything looks.

import {generation} from './history.js';

const AROUND = 1;
const SMALL = 40;

// `{places, lines, lanes, width, hidden}`: `places` are `{node, column, lane}`, `lines` are `{from, to, folded}` of two places,
// where `folded` is how many revisions in between are not shown, or that of `to` has no known parent (`from` null). `width` is
// the number of columns, `hidden` how many leaves are left out.
export function layOut(history, mostLeaves) {
  const leaves = history.leaves();
  const chains = chainsOf(history, leaves.slice(0, mostLeaves));
  const columns = columnsOf(chains);
  const places = new Map();
  const lines = [];
  for (const [lane, {items, fork}] of chains.entries()) {
    let before = fork === null ? null : places.get(fork.rev);
    let skipped = 0;
    for (const node of items) {
      const column = columns.get(generation(node.rev));
      if (column === undefined) {
        skipped += 1;
        continue;
      }
      const place = {node, column, lane};
      places.set(node.rev, place);
      if (before !== null || generation(node.rev) > 1) lines.push({from: before, to: place, folded: skipped});
      before = place;
      skipped = 0;
    }
  }
  return {places: [...places.values()], lines, lanes: chains.length, width: columns.size, hidden: leaves.length - chains.length};
}

// A chain for each leaf: its revisions up to the one that stands in a chain before, oldest first.
function chainsOf(history, leaves) {
  const taken = new Set();
  return leaves.map((leaf) => {
    const items = [];
    let fork = null;
    for (const node of history.path(leaf.rev)) {
      if (taken.has(node.rev)) {
        fork = node;
        break;
      }
      items.push(node);
    }
    for (const node of items) taken.add(node.rev);
    return {items: items.reverse(), fork};
  });
}

// Generation -> column: of all if they are few, otherwise of forks, ends and their neighbours.
function columnsOf(chains) {
  const all = new Set();
  const kept = new Set();
  for (const {items, fork} of chains) {
    for (const node of items) all.add(generation(node.rev));
    const ends = [fork, items[0], items.at(-1)].filter((node) => node !== null).map((node) => generation(node.rev));
    for (const end of ends) for (let near = -AROUND; near <= AROUND; near += 1) kept.add(end + near);
  }
  const shown = [...all].filter((one) => all.size <= SMALL || kept.has(one)).sort((a, b) => a - b);
  return new Map(shown.map((one, column) => [one, column]));
}
