// Longest common subsequences of two lists of ids, and what three lists have in common.
//
// Owns the search (E. Myers, "An O(ND) Difference Algorithm and Its Variations", 1986) and its bound: lists that differ in more
// than `MOST_DIFFERENCES` places are told apart by their common ends alone. It must not know what the ids stand for.

export const MOST_DIFFERENCES = 1500;

// Pairs `[i, j]` with `left[i] === right[j]`, rising in both, as many as the bound lets be found.
export function commonPairs(left, right) {
  let start = 0;
  let leftEnd = left.length;
  let rightEnd = right.length;
  const pairs = [];
  while (start < leftEnd && start < rightEnd && left[start] === right[start]) {
    pairs.push([start, start]);
    start += 1;
  }
  const tail = [];
  while (leftEnd > start && rightEnd > start && left[leftEnd - 1] === right[rightEnd - 1]) {
    leftEnd -= 1;
    rightEnd -= 1;
    tail.push([leftEnd, rightEnd]);
  }
  const middle = search(left.slice(start, leftEnd), right.slice(start, rightEnd));
  for (const [i, j] of middle) pairs.push([i + start, j + start]);
  for (const pair of tail.reverse()) pairs.push(pair);
  return pairs;
}

function search(left, right) {
  if (left.length === 0 || right.length === 0) return [];
  const most = Math.min(left.length + right.length, MOST_DIFFERENCES);
  const reach = new Int32Array(2 * most + 3); // reach[k + most + 1]: the furthest i on the diagonal i - j = k
  const steps = [];
  for (let cost = 0; cost <= most; cost += 1) {
    steps.push(reach.slice(most + 1 - cost - 1, most + 1 + cost + 2));
    for (let k = -cost; k <= cost; k += 2) {
      const at = k + most + 1;
      const down = k === -cost || (k !== cost && reach[at - 1] < reach[at + 1]);
      let i = down ? reach[at + 1] : reach[at - 1] + 1;
      while (i < left.length && i - k < right.length && left[i] === right[i - k]) i += 1;
      reach[at] = i;
      if (i >= left.length && i - k >= right.length) return walkBack(steps, cost, left, right);
    }
  }
  return [];
}

function walkBack(steps, cost, left, right) {
  const pairs = [];
  let i = left.length;
  let j = right.length;
  for (let d = cost; d > 0; d -= 1) {
    const before = steps[d]; // reach as it was before this step; the diagonal k is at k + d + 1
    const k = i - j;
    const down = k === -d || (k !== d && before[k - 1 + d + 1] < before[k + 1 + d + 1]);
    const k0 = down ? k + 1 : k - 1;
    const i0 = before[k0 + d + 1];
    const j0 = i0 - k0;
    while (i > i0 + (down ? 0 : 1) && j > j0 + (down ? 1 : 0)) pairs.push([(i -= 1), (j -= 1)]);
    i = i0;
    j = j0;
  }
  while (i > 0 && j > 0) pairs.push([(i -= 1), (j -= 1)]);
  return pairs.reverse();
}

// Two lists against each other: `{same, left: [from, to], right: [from, to]}`, runs that are equal and runs that differ in
// turns.
export function twoWayRuns(left, right) {
  const runs = [];
  let i = 0;
  let j = 0;
  const differing = (toI, toJ) => {
    if (i < toI || j < toJ) runs.push({same: false, left: [i, toI], right: [j, toJ]});
  };
  for (const [a, b] of commonPairs(left, right)) {
    differing(a, b);
    const last = runs.at(-1);
    if (last?.same && last.left[1] === a && last.right[1] === b) {
      last.left[1] += 1;
      last.right[1] += 1;
    } else {
      runs.push({same: true, left: [a, a + 1], right: [b, b + 1]});
    }
    i = a + 1;
    j = b + 1;
  }
  differing(left.length, right.length);
  return runs;
}

// Three lists: `{same, base, ours, theirs}` with `[from, to]` each. What all three have in common is a run that is the same,
// what stands between two of those differs somewhere (S. Khanna et al., "A Formal Investigation of Diff3", 2007).
export function threeWayRuns(base, ours, theirs) {
  const inOurs = new Map(commonPairs(base, ours));
  const inTheirs = new Map(commonPairs(base, theirs));
  const runs = [];
  let at = {base: 0, ours: 0, theirs: 0};
  const differing = (to) => {
    if (at.base < to.base || at.ours < to.ours || at.theirs < to.theirs) {
      runs.push({same: false, base: [at.base, to.base], ours: [at.ours, to.ours], theirs: [at.theirs, to.theirs]});
    }
  };
  for (let i = 0; i < base.length; i += 1) {
    if (!inOurs.has(i) || !inTheirs.has(i)) continue;
    const to = {base: i, ours: inOurs.get(i), theirs: inTheirs.get(i)};
    differing(to);
    runs.push({
      same: true,
      base: [i, i + 1],
      ours: [to.ours, to.ours + 1],
      theirs: [to.theirs, to.theirs + 1],
    });
    at = {base: i + 1, ours: to.ours + 1, theirs: to.theirs + 1};
  }
  differing({base: base.length, ours: ours.length, theirs: theirs.length});
  return runs;
}
