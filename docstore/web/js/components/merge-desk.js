// The desk of a merge: places on the left, their alternatives below, the result on the right.

import {h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {choose, editByHand, undecided} from '../merge/result-text.js';
import {jsonEditor} from './json-editor.js';
import {problemLine, wayIn} from './toast.js';
import {virtualList} from './virtual-list.js';

const SIDES = [['ours', '1'], ['theirs', '2'], ['base', '3'], ['both', '4']];
const KINDS = {clash: 'clash', ours: 'ours', theirs: 'theirs', both: 'both'};
const SHOWN = 20_000;

// `sides` of `merge/sides.js`; `work` is `{text, places}`. `changed({text, places})` is called after each change, `save(text)` and `drop()` for the buttons. Answers `{element, press(key)}`.
export function mergeDesk({sides, work, changed, save, drop}) {
  let state = work;
  const offered = SIDES.filter(([side]) => side !== 'base' || sides.base !== null);
  const clashes = state.places.filter((place) => place.kind === 'clash').map((place) => place.id);
  let shown = clashes.length ? clashes : state.places.map((place) => place.id);
  const names = {...sides.names, both: 'Both'};

  const told = h('p.merge-status', {role: 'status'});
  const problem = problemLine();
  const alternatives = h('div.alternatives', {role: 'group', 'aria-label': 'Alternatives'});
  const list = virtualList({
    count: shown.length, rowHeight: 34, label: 'Places that differ', columns: 'minmax(6rem, 1fr) 5rem 7rem', head: ['Place', 'Changed', 'Taken'],
    draw: (index) => drawPlace(state.places[shown[index]], names),
    onActive: () => drawActive(true),
  });
  const editor = jsonEditor({label: 'Result', submit: finish});
  editor.value = state.text;
  editor.area.addEventListener('input', () => update(editByHand(state, editor.value)));
  const all = h('input', {type: 'checkbox', disabled: !clashes.length, checked: !clashes.length, onchange: () => {
    const at = shown[list.active];
    shown = all.checked ? state.places.map((place) => place.id) : clashes;
    list.count = shown.length;
    list.active = Math.max(0, shown.indexOf(at));
  }});
  const isLast = sides.step + 1 === sides.steps;
  const button = h('button.primary', {onclick: finish}, isLast ? 'Save the result' : `Next: leaf ${sides.step + 2} of ${sides.steps}`);

  function update(next) {
    if (next === state) return;
    state = next;
    list.refresh();
    tell();
    changed(state);
  }
  function tell() {
    const open = undecided(state.places);
    const merged = state.places.length - clashes.length;
    told.textContent = `${many(clashes.length, 'clash', 'clashes')}, ${open ? `${count(open)} to be decided` : 'all decided'}; `
      + `${many(merged, 'change')} merged without a question.`;
    button.disabled = open > 0;
  }
  function drawActive(select) {
    const place = state.places[shown[list.active]];
    replace(alternatives, place && drawAlternatives(offered, place, names, take));
    if (place && select && place.start !== null) editor.select(place.start, place.end);
  }
  function take(choice) {
    const id = shown[list.active];
    const place = state.places[id];
    if (!place || (choice === 'both' && place.both === null) || place.start === null) return;
    const next = choose(state, id, choice);
    editor.value = next.text;
    update(next);
    const open = nextUndecided(shown, state.places, list.active);
    if (open >= 0) list.active = open;
    else drawActive(true);
  }
  async function finish() {
    if (undecided(state.places) || button.disabled) return;
    problem.hidden = true;
    button.disabled = true;
    try {
      const wrong = await editor.look();
      if (wrong) throw Object.assign(new Error(`Not saved. Line ${wrong.line}, column ${wrong.column}: ${wrong.message}`), {at: wrong.at});
      await save(state.text);
    } catch (error) {
      if (error.name === 'AbortError') return;
      problem.tell(error);
      problem.append(...[wayIn(error) || []].flat());
      if (error.at !== undefined && error.at !== null) editor.select(error.at, error.at + 1);
    } finally {
      tell();
    }
  }
  function press(key) {
    const side = offered.find(([, own]) => own === key);
    if (side) take(side[0]);
    else if (key === 'n') list.active = nextUndecided(shown, state.places, list.active);
    else if (key === 's') finish();
    else if (key === 'e') editor.focus();
    else return list.press(new KeyboardEvent('keydown', {key}));
    return true;
  }
  tell();
  const element = h('div.merge-desk', {},
    sides.note && h('p.warning', {}, sides.note),
    told,
    h('div.bar-of-tools', {}, button, h('button', {onclick: drop}, sides.leaves === null ? 'Drop my edit' : 'Begin anew'),
      h('label.check', {}, all, 'All places'),
      h('span.quiet', {}, offered.map(([side, own]) => [h('kbd', {}, own), ` ${names[side]}  `]), h('kbd', {}, 'n'), ' next  ', h('kbd', {}, 's'), ' save')),
    problem,
    h('div.merge-panes', {},
      h('div.merge-places', {}, list, alternatives),
      h('div.merge-result', {}, h('h2', {}, 'Result'), editor)));
  element.addEventListener('keydown', (event) => {
    if (event.target !== list.scroller || event.ctrlKey || event.metaKey || event.altKey || 'jk'.includes(event.key)) return;
    if (!event.key.startsWith('Arrow') && press(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, {capture: true});
  if (shown.length) list.active = Math.max(0, nextUndecided(shown, state.places, -1));
  return {element, press};
}

// The next row from here on, around the end, whose place is not decided; -1 if all are.
function nextUndecided(shown, places, from) {
  for (let step = 1; step <= shown.length; step += 1) {
    const at = (from + step) % shown.length;
    if (places[shown[at]].choice === null) return at;
  }
  return -1;
}

function drawPlace(place, names) {
  const taken = place.choice === null ? h('span.badge.danger', {}, 'undecided')
    : place.choice === 'hand' ? h('span.badge', {}, 'by hand') : names[place.choice].split(' ')[0];
  return [h('span.mono', {title: place.pointer}, place.pointer || '/'),
    h('span', {class: `badge ${place.kind === 'clash' ? 'warn' : ''}`}, KINDS[place.kind]), taken];
}

function drawAlternatives(offered, place, names, take) {
  return offered.filter(([side]) => side !== 'both' || place.both !== null).map(([side, own]) => {
    const content = place[side];
    const isTaken = place.choice === side;
    return h('div', {class: `alternative ${side} ${isTaken ? 'taken' : ''}`},
      h('button', {'aria-pressed': String(isTaken), disabled: place.start === null, onclick: () => take(side)}, h('kbd', {}, own), ` ${names[side]}`),
      content === null ? h('p.quiet', {}, 'nothing') : h('pre', {tabindex: '0', 'aria-label': names[side]}, cut(content)));
  });
}

const cut = (content) => (content.length <= SHOWN ? content : `${content.slice(0, SHOWN)}\n… ${count(content.length - SHOWN)} more characters`);
