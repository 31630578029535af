// Laws of merges by hand, over random documents of a seed. Prints how many cases were looked at.

import assert from 'node:assert/strict';
import {parseNodes, Values} from '../../docstore/web/js/merge/json-nodes.js';
import {choose, editByHand, undecided} from '../../docstore/web/js/merge/result-text.js';
import {TASKS} from '../../docstore/web/js/merge/tasks.js';

const [seed, cases] = process.argv.slice(2).map(Number);
let state = seed;
const random = (below) => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = (list) => list[random(list.length)];

const SCALARS = ['1', '1.0', '1.50', '-0', '0', '9007199254740993', '1e3', 'true', 'null', '"a"', '"\\u0061b"', '"{,"', '"\\"]"', '""'];
const NAMES = ['a', 'b', 'c', 'x/y', 'm~n', ''];

function value(depth) {
  const kind = random(depth > 3 ? 1 : 4);
  if (kind === 2) return {object: members(depth)};
  if (kind === 3) return {array: Array.from({length: random(5)}, () => value(depth + 1))};
  return {scalar: pick(SCALARS)};
}
const members = (depth) => new Map(Array.from({length: random(5)}, () => [pick(NAMES), value(depth + 1)]));

function edited(node) {
  if (random(6) === 0) return value(2);
  if (node.object) {
    const next = new Map([...node.object].filter(() => random(8)).map(([name, one]) => [name, random(3) ? one : edited(one)]));
    if (random(3) === 0) next.set(pick(NAMES), value(2));
    return {object: next};
  }
  if (node.array) {
    const next = node.array.filter(() => random(6)).map((one) => (random(3) ? one : edited(one)));
    if (random(3) === 0) next.splice(random(next.length + 1), 0, value(2));
    return {array: next};
  }
  return {scalar: pick(SCALARS)};
}

function text(node) {
  if (node.object) return `{${[...node.object].map(([name, one]) => `${JSON.stringify(name)}: ${text(one)}`).join(',')}}`;
  return node.array ? `[${node.array.map(text).join(' ,')}]` : node.scalar;
}

function same(left, right, told) {
  const values = new Values();
  const message = () => `${told}\n${left}\n${right}`;
  assert.ok(parseNodes(left, values).id === parseNodes(right, values).id, message());
}

for (let i = 0; i < cases; i += 1) {
  const root = {object: members(0)};
  const ours = edited(root);
  const theirs = edited(root);
  const texts = {base: text(root), ours: text(ours.object ? ours : root), theirs: text(theirs.object ? theirs : root)};
  same(TASKS.merge({...texts, theirs: texts.base}).text, texts.ours, 'a side that changed nothing');
  same(TASKS.merge({...texts, ours: texts.base}).text, texts.theirs, 'a side that changed nothing');
  assert.equal(TASKS.merge({...texts, theirs: texts.ours}).places.filter((place) => place.kind === 'clash').length, 0);
  for (const base of [texts.base, null]) {
    let work = TASKS.merge({...texts, base});
    const first = work;
    for (const side of ['ours', 'theirs', ...(base === null ? [] : ['base'])]) {
      for (const place of [...first.places].sort(() => random(3) - 1)) {
        work = choose(work, place.id, side);
        const now = work.places[place.id];
        assert.equal(work.text.slice(now.start, now.end), place[side] ?? '', `a place knows where it is\n${work.text}`);
      }
      same(work.text, texts[side], `every place from ${side}`);
      assert.equal(undecided(work.places), 0);
    }
    for (const place of first.places) {
      work = choose(work, place.id, pick(['ours', 'theirs', 'base', 'both'].filter((side) => side !== 'both' || place.both !== null)));
      JSON.parse(work.text);
    }
    for (const place of first.places) {
      const now = work.places[place.id];
      assert.equal(work.text.slice(now.start, now.end), place[now.choice] ?? '');
    }
  }
  const diff = TASKS.diff({left: texts.ours, right: texts.theirs});
  const differs = diff.rows.some((row) => !['same', 'open', 'close'].includes(row.kind));
  const values = new Values();
  assert.equal(differs, parseNodes(texts.ours, values).id !== parseNodes(texts.theirs, values).id);
}

// What is typed within a place decides it; what is typed around it moves it; what is torn is told.
const start = TASKS.merge({base: '{"a":1,"b":1,"c":1}', ours: '{"a":2,"b":1,"c":1}', theirs: '{"a":3,"b":1,"c":4}'});
const inside = editByHand(start, start.text.replace('"a": 2', '"a": 2345'));
assert.deepEqual(inside.places.map((place) => place.choice), ['hand', 'theirs']);
assert.equal(inside.text.slice(inside.places[1].start, inside.places[1].end), '"c": 4');
same(choose(inside, 0, 'theirs').text, '{"a":3,"b":1,"c":4}', 'a choice after an edit');
const around = editByHand(start, start.text.replace('"b": 1', '"b": [1, 2]'));
assert.deepEqual(around.places.map((place) => place.choice), [null, 'theirs']);
same(choose(around, 1, 'base').text, '{"a":2,"b":[1,2],"c":1}', 'a choice behind an edit');
const torn = editByHand(start, '{"q": 4}');
assert.deepEqual(torn.places.map((place) => [place.choice, place.start]), [['hand', null], ['hand', null]]);
assert.equal(choose(torn, 0, 'theirs').text, '{"q": 4}');

// Without the ancestor's text: what the server has merged is no question any more, what it names as a clash is one.
const blind = TASKS.merge({base: null, ours: '{"a":2,"b":1,"t":["x","o"],"d":{"e":1}}', theirs: '{"a":3,"b":2,"t":["x","p"],"n":1}',
  known: '{"ok":true,"clashes":["/a"],"doc":{"_id":"x","a":2,"b":2,"t":["x","o","p"],"d":{"e":1}}}'});
assert.deepEqual(blind.places.map((place) => [place.pointer, place.kind, place.choice]),
  [['/a', 'clash', null], ['/b', 'theirs', 'theirs'], ['/t', 'both', 'both'], ['/d', 'ours', 'ours'], ['/n', 'ours', 'ours']]);
same(blind.text, '{"a":2,"b":2,"t":["x","o","p"],"d":{"e":1}}', 'as the server merged');
for (const place of blind.places) {
  assert.equal(blind.text.slice(place.start, place.end), place[place.choice ?? 'ours'] ?? '');
}

console.log(cases);
