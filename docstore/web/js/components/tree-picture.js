// The revision tree as a picture (SVG): who wrote which revision when, what is the winner, what is in conflict.
//
// Each revision is a button, in the order of the picture for the Tab key; arrow keys go to neighbours.

import {svg} from '../dom.js';
import {shortRev, stateOf} from '../tree/history.js';
import {layOut} from '../tree/layout.js';

const COLUMN = 150;
const LANE = 86;
const LEFT = 84;
const TOP = 40;

// `pick(node)` is called for a revision that is clicked; `marks` is a Map: rev -> "A" or the like, shown in its circle.
export function treePicture(history, {mostLeaves, pick, marks = new Map()}) {
  const {places, lines, lanes, width, hidden} = layOut(history, mostLeaves);
  const size = {width: LEFT * 2 + (width - 1) * COLUMN, height: TOP * 2 + (lanes - 1) * LANE + 24};
  const picture = svg('svg', {class: 'tree', ...size, viewBox: `0 0 ${size.width} ${size.height}`, role: 'group',
    'aria-label': 'Revision tree'});
  for (const line of lines) picture.append(...drawLine(line));
  const buttons = places.map((place) => drawRevision(place, pick, marks.get(place.node.rev)));
  picture.append(...buttons);
  picture.addEventListener('keydown', (event) => moveFocus(event, places, buttons));
  return {picture, hidden};
}

const x = (place) => LEFT + place.column * COLUMN;
const y = (place) => TOP + place.lane * LANE;

function drawLine({from, to, folded}) {
  if (from === null) return [svg('path', {class: 'folded', d: `M${x(to) - 40} ${y(to)}H${x(to)}`})];
  const d = from.lane === to.lane ? `M${x(from)} ${y(from)}H${x(to)}`
    : `M${x(from)} ${y(from)}C${x(from)} ${y(to)} ${x(from)} ${y(to)} ${x(from) + 40} ${y(to)}H${x(to)}`;
  const path = svg('path', {class: folded && 'folded', d});
  if (!folded) return [path];
  const words = `${folded} more`;
  return [path, svg('text', {class: 'quiet', x: (x(from) + x(to)) / 2, y: y(to) + 16}, words)];
}

function drawRevision(place, pick, mark) {
  const {node} = place;
  const state = stateOf(node);
  const stored = node.available === true;
  const name = [node.rev, state || 'ancestor', node.by && `by ${node.by}`, node.at, stored ? null : 'its body is not to be read',
    mark && `chosen as ${mark}`].filter(Boolean).join(', ');
  const who = [node.by, node.at && String(node.at).slice(0, 16).replace('T', ' ')].filter(Boolean).join(' · ');
  const group = svg('g', {class: `revision ${state} ${stored ? '' : 'gone'} ${mark ? 'marked' : ''}`, role: 'button', tabindex: '0',
    'aria-label': name, 'data-rev': node.rev, transform: `translate(${x(place)} ${y(place)})`},
  svg('title', {}, name),
  svg('circle', {r: mark ? 13 : 9}),
  mark && svg('text', {class: 'mark', y: 4}, mark),
  svg('text', {y: -18}, shortRev(node.rev)),
  svg('text', {y: 25, class: 'quiet'}, state),
  svg('text', {y: 40, class: 'quiet'}, who));
  group.addEventListener('click', () => pick(node));
  group.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    pick(node);
  });
  return group;
}

const WAYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

// The nearest revision in the direction of the key.
function moveFocus(event, places, buttons) {
  const way = WAYS[event.key];
  const at = buttons.indexOf(event.target.closest('.revision'));
  if (way === undefined || at < 0) return;
  const here = places[at];
  let best = null;
  for (const [index, place] of places.entries()) {
    const along = way[0] * (place.column - here.column) + way[1] * (place.lane - here.lane);
    const aside = Math.abs(way[1] * (place.column - here.column)) + Math.abs(way[0] * (place.lane - here.lane));
    if (along > 0 && (best === null || along + 3 * aside < best.cost)) best = {index, cost: along + 3 * aside};
  }
  if (best === null) return;
  event.preventDefault();
  buttons[best.index].focus();
}
