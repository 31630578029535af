// A test server's own page: what it was asked, live; faults armed and disarmed; snapshots and the clock.

import {call, json, path, root, send} from '../api.js';
import {ask, confirm} from '../components/dialog.js';
import {jsonEditor} from '../components/json-editor.js';
import {problemLine, tellFailure, toast} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {field, h, replace} from '../dom.js';
import {asCurl, asPytest, ruleAsPytest} from '../double/copies.js';
import {JournalFeed} from '../double/journal-feed.js';
import {PRESETS} from '../double/presets.js';
import {bytes, clock, many} from '../format.js';
import {lookOn} from '../live/looking.js';

const EVERY = 1000;
const SHOWN = 20_000;

export const keys = [['p', 'pause the journal, or go on'], ['c', 'copy the request as curl'], ['y', 'copy it as a pytest']];

export async function show(outlet, params, signal) {
  try {
    await json('_docstore/faults', {signal});
  } catch (error) {
    if (error.status !== 404) throw error;
    outlet.append(h('h1', {}, 'Test server'), h('p', {}, 'This server is no test double: it has no journal and no faults.'));
    return;
  }
  const faults = faultsPanel(signal);
  const stage = stagePanel(signal);
  const journal = journalPanel(signal);
  outlet.addEventListener('viewkey', ({detail}) => {
    if (journal.press(detail)) detail.event.preventDefault();
  });
  const problem = problemLine();
  outlet.append(h('h1', {}, 'Test server'), problem, faults.element, stage.element, journal.element);
  await Promise.all([faults.draw(), stage.draw(), journal.look()]);
  lookOn(async () => (await journal.look()) && faults.draw(), EVERY, problem, signal);
}

async function copied(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} is copied.`);
  } catch {
    await ask({title: what, button: null, wide: true, content: h('textarea.mono', {rows: 14, readOnly: true, value: text, 'aria-label': what})});
  }
}

function journalPanel(signal) {
  const feed = new JournalFeed();
  let shown = [];
  let isPaused = false;
  let looked = null; // the number of the active request
  let drawn = null;
  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter requests', oninput: () => draw()});
  const pause = h('button', {type: 'button', 'aria-pressed': 'false', onclick: () => {
    isPaused = !isPaused;
    pause.setAttribute('aria-pressed', String(isPaused));
  }}, 'Pause');
  const told = h('span.quiet', {role: 'status'});
  const detail = h('div.journal-detail', {});
  const list = virtualList({
    count: 0, rowHeight: 30, label: 'Requests, newest first', columns: '6rem 5rem minmax(8rem, 1fr) 6rem 5rem minmax(4rem, 8rem)',
    head: ['At', 'Method', 'Target', 'Became', 'Took', 'Rules'],
    draw: (index) => drawRequest(shown[index]),
    onActive: (index) => {
      looked = shown[index]?.number ?? null;
      if (looked !== drawn) replace(detail, shown[index] && drawDetail(shown[index]));
      drawn = looked;
    },
  });
  function draw() {
    const wanted = filter.value.toLowerCase();
    shown = feed.rows.filter((row) => !row.path.startsWith('/_utils') && (!wanted || `${row.method} ${row.target} ${row.status ?? row.outcome} ${row.rules.join(' ')}`.toLowerCase().includes(wanted))).reverse();
    const at = shown.findIndex((row) => row.number === looked);
    list.count = shown.length;
    if (at >= 0) list.active = at;
    told.textContent = many(shown.length, 'request');
  }
  const look = async () => {
    if (isPaused || !(await feed.look(signal))) return false;
    draw();
    return true;
  };
  const active = () => shown[list.active];
  const clear = async () => {
    await call('DELETE', '_docstore/requests', {signal}).catch(tellFailure);
    feed.clear();
    draw();
  };
  return {
    look,
    press({key, event}) {
      if (key === 'p') pause.click();
      else if (key === 'c' && active()) copied(asCurl(active(), root), 'The curl command');
      else if (key === 'y' && active()) copied(asPytest(active()), 'The test');
      else return list.press(event);
      return true;
    },
    element: h('section.journal', {'aria-label': 'Journal'},
      h('div.bar-of-tools', {}, h('h2', {}, 'Journal'), h('div.grow', {}, filter), told, pause, h('button', {onclick: clear}, 'Clear')), list, detail),
  };
}

function drawRequest(row) {
  const isBad = row.status === null ? row.outcome !== 'under way' : row.status >= 400;
  return [h('span.quiet', {}, clock(new Date(row.time * 1000))), row.method, h('span.mono', {title: row.target}, row.target),
    h('span', {class: `badge ${isBad ? 'danger' : row.status === null ? '' : 'done'}`}, row.status ?? row.outcome),
    h('span.number', {}, row.seconds === null ? '' : `${Math.round(row.seconds * 1000)} ms`),
    row.rules.length ? h('span.badge.warn', {}, row.rules.join(', ')) : ''];
}

function drawDetail(row) {
  const part = (title, headers, body, size) => h('div', {}, h('h3', {}, title),
    h('pre', {tabindex: '0', 'aria-label': title}, [headers.map(([name, value]) => `${name}: ${value}`).join('\n'), body.slice(0, SHOWN)].filter(Boolean).join('\n\n')),
    size > body.length ? h('p.quiet', {}, `${bytes(size)} in all.`) : null);
  return [h('div.bar-of-tools', {}, h('strong.mono', {}, `${row.number}. ${row.method} ${row.target.slice(0, 200)}`),
    h('button', {onclick: () => copied(asCurl(row, root), 'The curl command')}, 'Copy as curl'),
    h('button', {onclick: () => copied(asPytest(row), 'The test')}, 'Copy as a pytest')),
  h('div.two', {}, part('Request', row.headers, row.body, row.body_size), part(`Answer: ${row.status ?? row.outcome}`, row.reply_headers, row.reply_body, row.reply_size ?? 0))];
}

function faultsPanel(signal) {
  const rows = h('tbody', {});
  const table = h('div.scrolling-x', {}, h('table.plain-table', {},
    h('thead', {}, h('tr', {}, ['Rule', 'What it does', 'Requests', 'Hits', ''].map((title) => h('th', {scope: 'col'}, title)))), rows));
  const none = h('p.quiet', {}, 'No fault is armed.');
  async function draw() {
    const {faults} = await json('_docstore/faults', {signal});
    table.hidden = !faults.length;
    none.hidden = faults.length > 0;
    const focused = rows.contains(document.activeElement) ? document.activeElement.id : '';
    replace(rows, faults.map((fault) => h('tr', {},
      h('td', {}, fault.id, ' ', fault.active ? null : h('span.badge', {}, 'over')),
      h('td.mono', {}, `${JSON.stringify(fault.match ?? {})} → ${JSON.stringify(fault.action)}`),
      h('td.number', {}, fault.seen), h('td.number', {}, fault.hits),
      h('td.buttons', {}, h('button', {id: `disarm ${fault.id}`, onclick: () => act(() => call('DELETE', path('_docstore', 'faults', fault.id), {signal}))}, 'Disarm'),
        h('button', {id: `copy ${fault.id}`, onclick: () => copied(ruleAsPytest(JSON.stringify(ruleOf(fault))), 'The test')}, 'As a pytest')))));
    if (focused) document.getElementById(focused)?.focus();
  }
  const act = (work) => work().then(draw).catch(tellFailure);
  async function arm() {
    const editor = jsonEditor({label: 'Rule'});
    const preset = h('select', {onchange: () => { editor.value = JSON.stringify(PRESETS[preset.value][1], null, 2); }}, PRESETS.map(([label], at) => h('option', {value: String(at)}, label)));
    editor.value = JSON.stringify(PRESETS[0][1], null, 2);
    const made = await ask({title: 'Arm a fault', button: 'Arm', wide: true, content: [field('Begin with', preset), editor],
      submit: () => send('POST', '_docstore/faults', {body: editor.value, signal})});
    if (made) await draw();
  }
  return {draw, element: h('section', {'aria-label': 'Faults'},
    h('div.bar-of-tools', {}, h('h2', {}, 'Faults'), h('button.primary', {onclick: () => arm().catch(tellFailure)}, 'Arm a fault'),
      h('button', {onclick: () => act(() => call('DELETE', '_docstore/faults', {signal}))}, 'Disarm all')), none, table)};
}

const ruleOf = ({match, action, times, seconds, seed}) => Object.fromEntries(Object.entries({match, action, times, seconds, seed}).filter(([, value]) => value !== null && value !== undefined));

function stagePanel(signal) {
  const kept = h('ul.snapshots', {});
  const now = h('span.quiet', {});
  const problem = problemLine();
  async function draw() {
    const [{snapshots}, time] = await Promise.all([json('_docstore/snapshots', {signal}), json('_docstore/clock', {signal})]);
    now.textContent = `The server's clock is ${time.offset ? `${many(Math.round(time.offset), 'second')} ahead` : 'that of the machine'}.`;
    replace(kept, snapshots.map(({name, size, databases}) => h('li', {}, h('strong', {}, name), h('span.quiet', {}, ` ${bytes(size)}, ${many(databases.length, 'database')} `),
      h('button', {onclick: () => act(() => restore(name))}, 'Restore'), ' ', h('button', {onclick: () => act(() => call('DELETE', path('_docstore', 'snapshots', name), {signal}))}, 'Forget'))));
  }
  async function act(work) {
    problem.hidden = true;
    try {
      await work();
      await draw();
    } catch (error) {
      if (signal.aborted) return;
      problem.tell(error);
    }
  }
  async function restore(name) {
    if (!(await confirm(`Restore ${name}?`, 'All databases are as they were then.', 'Restore', {danger: true}))) return;
    await call('POST', path('_docstore', 'snapshots', name, 'restore'), {signal});
    toast(`${name} is restored.`);
  }
  async function reset() {
    if (!(await confirm('Reset the server?', 'All databases, faults and the journal are gone.', 'Reset', {danger: true}))) return;
    await call('POST', '_docstore/reset', {signal});
    toast('The server is as new.');
  }
  const name = h('input', {placeholder: 'Name', 'aria-label': 'Name of the snapshot'});
  const seconds = h('input', {type: 'number', min: 0, step: 'any', value: 3600, 'aria-label': 'Seconds'});
  const take = (event) => {
    event.preventDefault();
    act(() => send('POST', '_docstore/snapshots', {json: name.value ? {name: name.value} : {}, signal}));
  };
  const advance = (event) => {
    event.preventDefault();
    act(() => send('POST', '_docstore/clock', {json: {advance: Number(seconds.value)}, signal}));
  };
  return {draw, element: h('section', {'aria-label': 'Snapshots and clock'}, h('h2', {}, 'Snapshots and clock'), problem,
    h('div.bar-of-tools', {}, h('form.buttons', {onsubmit: take}, name, h('button', {}, 'Take a snapshot')),
      h('form.buttons', {onsubmit: advance}, seconds, h('button', {}, 'Advance the clock')), now, h('button.danger.spread', {onclick: () => act(reset)}, 'Reset')), kept)};
}
