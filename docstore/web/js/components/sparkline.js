// A small chart of what a number has been lately, with the number itself beside it.

import {h, svg} from '../dom.js';

const WIDTH = 160;
const HEIGHT = 36;

// `points` are numbers, oldest first; `words(value)` says one. `most` of them fill the width.
export function sparkline(title, points, words, most = 150) {
  const top = Math.max(...points, 1e-9);
  const step = WIDTH / (most - 1);
  const from = WIDTH - (points.length - 1) * step;
  const line = points.map((value, at) => `${(from + at * step).toFixed(1)},${(HEIGHT - 2 - (value / top) * (HEIGHT - 6)).toFixed(1)}`).join(' ');
  const present = points.length ? words(points.at(-1)) : '…';
  return h('figure.spark', {},
    h('figcaption', {}, h('span', {}, title), h('strong', {}, present)),
    svg('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', preserveAspectRatio: 'none', 'aria-label': points.length > 1 ? `${title}: ${present}, at most ${words(top)}` : title},
      points.length > 1 && svg('polyline', {points: line})));
}
