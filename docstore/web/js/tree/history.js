// A document's revision tree, from the JSON of `_tree`.
//
// Owns questions about it: leaves, paths, the newest common ancestor. It must not know pictures or the page.

// `nodes` are those of `_tree`: `{rev, parent, deleted, leaf, winner, available, seq}`, perhaps `by` and `at`.
export class History {
  constructor({nodes, winner}) {
    this.nodes = new Map(nodes.map((node) => [node.rev, node]));
    this.winner = winner;
  }

  // Leaves in winner order: the winner, then the other live ones, then those that are deleted.
  leaves() {
    const rank = (node) => (node.winner ? 0 : node.deleted ? 2 : 1);
    const order = (a, b) => rank(a) - rank(b) || generation(b.rev) - generation(a.rev) || (a.rev < b.rev ? 1 : -1);
    return [...this.nodes.values()].filter((node) => node.leaf).sort(order);
  }

  live() {
    return this.leaves().filter((node) => !node.deleted);
  }

  // The revisions from this one back to its oldest known ancestor.
  *path(rev) {
    for (let node = this.nodes.get(rev); node !== undefined; node = this.nodes.get(node.parent)) yield node;
  }

  // The newest revision that both come from, null if there is none. It may be one of the two.
  commonAncestor(left, right) {
    const before = new Set();
    for (const node of this.path(left)) before.add(node.rev);
    for (const node of this.path(right)) if (before.has(node.rev)) return node;
    return null;
  }
}

export const generation = (rev) => Number(rev.slice(0, rev.indexOf('-')));

// `3-a1b2c3` of a long revision.
export const shortRev = (rev) => {
  const dash = rev.indexOf('-');
  return rev.length - dash > 9 ? `${rev.slice(0, dash + 8)}…` : rev;
};

// What a revision is, in a word; none for inner ones.
export const stateOf = (node) => (node.deleted ? 'deleted' : node.winner ? 'winner' : node.leaf ? 'conflict' : '');
