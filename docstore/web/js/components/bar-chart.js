// Reduced values as bars: a row for each group, lengths by value, negative ones to the left of the line.

import {h, svg} from '../dom.js';

const ROW = 26;
const MOST = 200;
const numbers = new Intl.NumberFormat('en', {maximumFractionDigits: 6});

// `groups` is a list of `[label, value]` with numbers. What is beyond MOST is left out, and that is said.
export function barChart(groups, {label}) {
  const shown = groups.slice(0, MOST);
  const least = Math.min(0, ...shown.map(([, value]) => value));
  const span = Math.max(0, ...shown.map(([, value]) => value)) - least || 1;
  const zero = 30 + (-least / span) * 50;
  const bars = shown.map(([name, value], at) => {
    const width = (Math.abs(value) / span) * 50;
    return svg('g', {transform: `translate(0 ${at * ROW})`},
      svg('title', {}, `${name}: ${numbers.format(value)}`),
      svg('text', {x: '29.5%', y: 17, class: 'chart-name'}, name.length > 40 ? `${name.slice(0, 39)}…` : name),
      svg('rect', {x: `${value < 0 ? zero - width : zero}%`, y: 4, width: `${Math.max(width, 0.15)}%`, height: ROW - 8, rx: 2}),
      svg('text', {x: `${zero + (value < 0 ? 0 : width) + 0.5}%`, y: 17, class: 'chart-value'}, numbers.format(value)));
  });
  return h('figure.chart', {tabindex: '0', 'aria-label': label},
    svg('svg', {width: '100%', height: shown.length * ROW, role: 'img', 'aria-label': `${label}: ${shown.length} bars`}, bars),
    groups.length > MOST ? h('figcaption.quiet', {}, `The first ${MOST} of ${groups.length} groups.`) : null);
}

// The number that a bar shows of a reduced value, given as text: a number itself, the sum of `_stats`; null for others.
export function measured(text) {
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // only its beginning is there
  }
  if (typeof value === 'number') return value;
  return value !== null && typeof value === 'object' && typeof value.sum === 'number' ? value.sum : null;
}
