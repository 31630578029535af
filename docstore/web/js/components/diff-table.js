// Two JSON documents side by side: rows of `merge/structural-diff.js`. What is the same can be folded away; n and p go from
// difference to difference.

import {h} from '../dom.js';
import {count, many} from '../format.js';
import {virtualList} from './virtual-list.js';

const ROW = 26;
const TALLEST = 22;
const WORDS = {changed: 'changed', left: 'only left', right: 'only right'};

// `left` and `right` are titles; `cut` says that rows are missing at the end.
export function diffTable(rows, {left, right, cut}) {
  const all = rows;
  const differing = rows.filter((row) => row.kind !== 'same');
  const changes = rows.filter((row) => row.kind in WORDS).length;
  let shown = differing.length < rows.length && changes ? differing : all;
  const list = virtualList({
    count: shown.length, rowHeight: ROW, label: `Differences between ${left} and ${right}`, columns: '1fr 1fr', head: [left, right],
    draw: (index) => drawRow(shown[index]),
  });
  list.classList.add('diff');
  const fit = () => { list.style.setProperty('flex', `0 0 ${Math.min(shown.length, TALLEST) * ROW + 40}px`); };
  const whole = h('input', {type: 'checkbox', checked: shown === all, onchange: () => {
    shown = whole.checked ? all : differing;
    list.count = shown.length;
    fit();
  }});
  const step = (way) => {
    for (let at = list.active + way; at >= 0 && at < shown.length; at += way) {
      if (shown[at].kind in WORDS) {
        list.active = at;
        return;
      }
    }
  };
  const holder = h('div.diff-holder', {},
    h('div.bar-of-tools', {},
      h('span', {role: 'status'}, changes ? `${many(changes, 'difference')}${cut ? ' and more than can be shown' : ''}` : 'They are the same.'),
      changes ? [h('button', {onclick: () => step(1), title: 'n'}, 'Next'), h('button', {onclick: () => step(-1), title: 'p'}, 'Previous')] : null,
      h('label.check', {}, whole, 'Show what is the same')),
    list);
  holder.addEventListener('keydown', (event) => {
    if (event.key !== 'n' && event.key !== 'p') return;
    step(event.key === 'n' ? 1 : -1);
    event.preventDefault();
    event.stopPropagation();
  });
  fit();
  return holder;
}

function drawRow(row) {
  return ['left', 'right'].map((side) => {
    const value = row[side];
    const mark = row.kind === 'changed' ? 'changed' : row.kind === side ? 'alone' : '';
    const told = mark && h('span.visually-hidden', {}, `${WORDS[row.kind]}: `);
    const name = row.name === '' && row.kind !== 'close' && row.depth === 0 ? '' : row.kind === 'close' ? '' : `${row.name}: `;
    return h('div', {class: `diff-cell ${mark}`, style: {'padding-left': `${Math.min(row.depth, 30)}em`}, title: row.pointer},
      told, value === null ? '' : [h('span.diff-name', {}, name), h('span', {}, value)],
      value !== null && row.more ? h('span.quiet', {}, ` … ${count(row.more)} more characters`) : null);
  });
}
