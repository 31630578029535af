// Arrays of unique strings, numbers and literals, merged as sets that keep their order.
//
// Owns the rule, which is that of the server (`core/merging.py`), so that a merge by hand begins where `_resolve` would end.

// The items of the merged array, or null where one of the three is no such array or a side has put its items in another order.
export function mergedSet(base, ours, theirs) {
  const before = base === null ? new Map() : unique(base);
  const left = unique(ours);
  const right = unique(theirs);
  if (before === null || left === null || right === null) return null;
  if (reordered(before, left) || reordered(before, right)) return null;
  const kept = [...before.values()].filter((item) => left.has(item.id) && right.has(item.id));
  const added = new Map([...left, ...right].filter(([id]) => !before.has(id)));
  return [...kept, ...added.values()];
}

function unique(node) {
  if (node?.kind !== 'array') return null;
  const items = new Map();
  for (const item of node.items) {
    if (item.kind === 'object' || item.kind === 'array') return null;
    items.set(item.id, item);
  }
  return items.size === node.items.length ? items : null;
}

function reordered(before, after) {
  const places = [...after.keys()].filter((id) => before.has(id));
  let at = 0;
  for (const id of before.keys()) {
    if (after.has(id) && places[at++] !== id) return true;
  }
  return false;
}
