// The tail of the server's log, for administrators: the newest lines first, as they come.

import {json} from '../api.js';
import {problemLine} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {h, replace} from '../dom.js';
import {lookOn} from '../live/looking.js';
import {clock, many} from '../format.js';
import {setQuery} from '../router.js';
import {serverTabs} from '../server/tabs.js';

const EVERY = 2000;
const MOST = 1000;
const LEVELS = ['debug', 'info', 'warning', 'error'];

export const keys = [['p', 'pause, or go on']];

export async function show(outlet, {query}, signal) {
  let rows = []; // newest first
  let shown = [];
  let last = 0;
  let isPaused = false;
  const level = h('select', {'aria-label': 'From this level on', onchange: () => anew()}, LEVELS.map((one) => h('option', {value: one}, one)));
  level.value = LEVELS.includes(query.get('level')) ? query.get('level') : 'info';
  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter lines', value: query.get('filter'), oninput: () => draw()});
  const pause = h('button', {'aria-pressed': 'false', onclick: () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
  }}, 'Pause');
  const told = h('span.quiet', {role: 'status'});
  const problem = problemLine();
  const whole = h('pre', {tabindex: '0', hidden: true, 'aria-label': 'The whole line'});
  const list = virtualList({
    rowHeight: 30, label: 'Lines, newest first', columns: '4.5rem 5rem minmax(12rem, 3fr) minmax(6rem, 1fr)', head: ['At', 'Level', 'Message', 'From'],
    draw: (index) => shown[index] && drawLine(shown[index]),
    onActive: (index) => {
      const line = shown[index];
      whole.hidden = !line;
      replace(whole, line && `${line.time} ${line.message}\n${line.exception ?? ''}`);
    },
  });
  function draw() {
    setQuery({level: level.value, filter: filter.value});
    const words = filter.value.toLowerCase();
    const marked = shown[list.active]?.number;
    shown = rows.filter((row) => `${row.logger} ${row.message}`.toLowerCase().includes(words));
    list.count = shown.length;
    const at = shown.findIndex(({number}) => number === marked);
    if (at >= 0) list.active = at;
    told.textContent = many(shown.length, 'line');
  }
  async function look() {
    if (isPaused) return;
    const reply = await json('_docstore/log', {query: {since: last, level: level.value, limit: MOST}, signal});
    if (reply.last < last) rows = []; // the server has begun anew
    last = reply.last < last ? 0 : reply.last;
    if (!reply.lines.length) return;
    rows = [...reply.lines.reverse(), ...rows].slice(0, MOST);
    draw();
  }
  async function anew() {
    rows = [];
    last = 0;
    draw();
    await look().catch(() => {}); // the next look says why
  }
  outlet.addEventListener('viewkey', ({detail}) => {
    if (detail.key === 'p') pause.click();
    else if (!list.press(detail.event)) return;
    detail.event.preventDefault();
  });
  await look();
  outlet.append(h('h1', {}, 'Log'), serverTabs('Log'), h('div.bar-of-tools', {}, level, h('div.grow', {}, filter), told, pause), problem, list, whole);
  lookOn(look, EVERY, problem, signal);
}

function drawLine({time, level, logger, message}) {
  const kind = level === 'warning' ? 'warn' : level === 'error' || level === 'critical' ? 'danger' : '';
  return [h('span.quiet', {}, clock(new Date(time))), h('span', {class: `badge ${kind}`}, level), h('span.mono', {}, message), h('span.quiet', {}, logger)];
}
