// Two JSON objects side by side, as rows.
//
// Owns what a row is: `{depth, name, left, right, kind, pointer, more}`. `kind` is "same", "changed", "left" or "right" (there on
// one side only), "open" and "close" (the brackets of what differs inside). `left` and `right` are texts, null where there is
// nothing; long ones are cut, and `more` is how many characters that are. What is the same is one row, however large. It must not
// know the page.

import {pointerTo, sliceOf} from './json-nodes.js';
import {twoWayRuns} from './matching.js';

export const MOST_ROWS = 50_000;
const SHOWN = 400;
const DEEPEST = 200;

// `{rows, cut}` of two nodes of one `Values`; `cut` says whether there were more rows than are told.
export function diffRows(left, right) {
  const diff = new Diff();
  diff.pair('', left, right, '', 0);
  return {rows: diff.rows, cut: diff.cut};
}

class Diff {
  rows = [];
  cut = false;

  row(depth, name, left, right, kind, pointer) {
    if (this.rows.length >= MOST_ROWS) {
      this.cut = true;
      return;
    }
    const [shownLeft, moreLeft] = shown(left);
    const [shownRight, moreRight] = shown(right);
    this.rows.push({depth, name, left: shownLeft, right: shownRight, kind, pointer, more: Math.max(moreLeft, moreRight)});
  }

  pair(name, left, right, pointer, depth) {
    if (this.cut) return;
    if (left === null || right === null) {
      this.row(depth, name, left, right, left === null ? 'right' : 'left', pointer);
    } else if (left.id === right.id) {
      this.row(depth, name, left, right, 'same', pointer);
    } else if (depth < DEEPEST && left.kind === 'object' && right.kind === 'object') {
      this.brackets('{}', name, pointer, depth, () => this.members(left, right, pointer, depth + 1));
    } else if (depth < DEEPEST && left.kind === 'array' && right.kind === 'array') {
      this.brackets('[]', name, pointer, depth, () => this.items(left, right, pointer, depth + 1));
    } else {
      this.row(depth, name, left, right, 'changed', pointer);
    }
  }

  brackets([open, close], name, pointer, depth, inside) {
    this.row(depth, name, open, open, 'open', pointer);
    inside();
    this.row(depth, '', close, close, 'close', pointer);
  }

  members(left, right, pointer, depth) {
    for (const name of new Set([...left.members.keys(), ...right.members.keys()])) {
      const nodes = [left.members.get(name)?.node ?? null, right.members.get(name)?.node ?? null];
      this.pair(name, ...nodes, pointerTo(pointer, name), depth);
    }
  }

  items(left, right, pointer, depth) {
    const ids = (node) => node.items.map((item) => item.id);
    for (const run of twoWayRuns(ids(left), ids(right))) {
      const lefts = left.items.slice(...run.left);
      const rights = right.items.slice(...run.right);
      for (let i = 0; i < Math.max(lefts.length, rights.length) && !this.cut; i += 1) {
        const place = i < rights.length ? run.right[0] + i : run.left[0] + i;
        this.pair(String(place), lefts[i] ?? null, rights[i] ?? null, pointerTo(pointer, place), depth);
      }
    }
  }
}

// A text as long as a row may be, and how many characters are left out.
function shown(node) {
  if (node === null || typeof node === 'string') return [node, 0];
  const length = node.end - node.start;
  if (length <= SHOWN) return [sliceOf(node), 0];
  return [node.text.slice(node.start, node.start + SHOWN), length - SHOWN];
}
