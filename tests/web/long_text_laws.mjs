// Laws of a text of which a part is shown, over random edits: `seed rounds` in, how many rounds held out.

import assert from 'node:assert/strict';
import {LongText, WHOLE} from '../../docstore/web/js/lossless/long-text.js';

let state = Number(process.argv[2]);
const rounds = Number(process.argv[3]);
const random = (below) => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return Math.floor((state / 2147483648) * below);
};
const LINES = ['', '{', '  "a": 1,', `"${'x'.repeat(300)}"`, '😀'.repeat(50), 'y'.repeat(90_000)];
const some = (lines) => Array.from({length: lines}, () => LINES[random(random(50) ? 5 : 6)]).join('\n');
const ends = (text) => text.split('\n').length - 1;

function holds(text, model) {
  assert.equal(text.before + text.part + text.after, model);
  assert.equal(text.length, model.length);
  assert.equal(text.lines, ends(model) + 1);
  assert.equal(text.line, ends(text.before));
  assert.ok(model.length <= WHOLE ? !text.isLong : text.part.length < WHOLE);
  for (const edge of [text.before.length, text.before.length + text.part.length]) {
    assert.ok(edge === 0 || !/[\ud800-\udbff]/.test(model[edge - 1]) || !/[\udc00-\udfff]/.test(model[edge] ?? ''));
  }
  const at = text.before.length + random(text.part.length + 1);
  assert.equal(text.lineAt(at), ends(model.slice(0, at)));
  assert.equal(text.columnAt(at), at - model.lastIndexOf('\n', at - 1) - 1 + (at === 0 && model[0] === '\n' ? 1 : 0));
}

for (let round = 0; round < rounds; round += 1) {
  const text = new LongText();
  let model = some(random(4000));
  text.value = model;
  const past = [model];
  for (let step = 0; step < 30; step += 1) {
    text.show(random(model.length + 1));
    holds(text, model);
    const start = random(text.part.length + 1);
    const end = Math.min(text.part.length, start + random(50));
    const come = random(3) ? some(random(3)) : '';
    if (random(2)) {
      text.edited(text.part.slice(0, start) + come + text.part.slice(end));
      model = model.slice(0, text.before.length + start) + come + model.slice(text.before.length + end);
    } else {
      const from = random(model.length + 1);
      const to = Math.min(model.length, from + random(2) * random(100_000));
      model = model.slice(0, from) + come + model.slice(to);
      text.splice(from, to, come);
    }
    assert.equal(text.value, model);
    if (model !== past.at(-1)) past.push(model);
  }
  const steps = past.length - 1;
  while (text.undo(false) !== null) {
    holds(text, text.value);
    if (random(2)) text.show(random(text.length));
  }
  assert.equal(text.value, past[0]);
  while (text.undo(true) !== null) holds(text, text.value);
  assert.equal(text.value, past[steps]);
}
const typed = new LongText();
typed.value = 'a\n'.repeat(WHOLE);
const before = typed.value;
for (const [at, letter] of [...'word'].entries()) typed.edited(typed.part.slice(0, at) + letter + typed.part.slice(at));
assert.ok(typed.value.startsWith('worda\n'));
typed.undo(false); // letters that were typed one after the other are one step
assert.equal(typed.value, before);
console.log(rounds);
