// Trees: ancestors, and what is drawn of them.

import assert from 'node:assert/strict';
import {History} from '../../docstore/web/js/tree/history.js';
import {layOut} from '../../docstore/web/js/tree/layout.js';

// `1-a 2-b<1-a ...` with * for the winner, x for what is deleted.
function tree(text) {
  const nodes = text.split(' ').map((one) => {
    const [, mark, rev, parent] = /^([*x]?)([^<]+)(?:<(.+))?$/.exec(one);
    return {rev, parent: parent ?? null, deleted: mark === 'x', winner: mark === '*', available: true};
  });
  const parents = new Set(nodes.map((node) => node.parent));
  for (const node of nodes) node.leaf = !parents.has(node.rev);
  return new History({nodes, winner: nodes.find((node) => node.winner)?.rev ?? null});
}

const forked = tree('1-a 2-b<1-a *3-c<2-b 3-d<2-b x2-e<1-a 1-z');
assert.deepEqual(forked.leaves().map((node) => node.rev), ['3-c', '3-d', '1-z', '2-e']);
assert.deepEqual(forked.live().map((node) => node.rev), ['3-c', '3-d', '1-z']);
assert.equal(forked.commonAncestor('3-c', '3-d').rev, '2-b');
assert.equal(forked.commonAncestor('3-c', '2-e').rev, '1-a');
assert.equal(forked.commonAncestor('3-c', '2-b').rev, '2-b');
assert.equal(forked.commonAncestor('3-c', '1-z'), null);

const drawn = layOut(forked, 10);
const at = Object.fromEntries(drawn.places.map(({node, column, lane}) => [node.rev, [column, lane]]));
assert.deepEqual(at, {'1-a': [0, 0], '2-b': [1, 0], '3-c': [2, 0], '3-d': [2, 1], '1-z': [0, 2], '2-e': [1, 3]});
assert.deepEqual(drawn.lines.map(({from, to, folded}) => [from.node.rev, to.node.rev, folded]),
  [['1-a', '2-b', 0], ['2-b', '3-c', 0], ['2-b', '3-d', 0], ['1-a', '2-e', 0]]);
assert.equal(layOut(forked, 2).hidden, 2);

// A long history is folded, what is seen of a fork is not.
const long = ['1-r'];
for (let i = 2; i <= 900; i += 1) long.push(`${i === 900 ? '*' : ''}${i}-r<${i - 1}-r`);
long.push('501-s<500-r');
const folded = layOut(tree(long.join(' ')), 10);
assert.ok(folded.width < 20, String(folded.width));
assert.ok(folded.places.some(({node}) => node.rev === '500-r'));
const shown = folded.places.filter(({lane}) => lane === 0).length;
assert.equal(folded.lines.reduce((sum, line) => sum + line.folded, 0), 900 - shown);

// A stemmed history begins with a line from nowhere.
assert.equal(layOut(tree('*7-x'), 10).lines[0].from, null);

// Of a tree of thousands of leaves no more is drawn than is asked for.
const wide = ['1-r', ...Array.from({length: 20_000}, (_, i) => `${i ? '' : '*'}2-${i}<1-r`)];
const few = layOut(tree(wide.join(' ')), 24);
assert.equal(few.places.length, 25);
assert.equal(few.hidden, 20_000 - 24);
console.log('ok');
