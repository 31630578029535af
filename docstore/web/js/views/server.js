// The server as a whole: what it is, what it does, what goes wrong.

import {json, path, text} from '../api.js';
import {sparkline} from '../components/sparkline.js';
import {tellFailure} from '../components/toast.js';
import {h, replace} from '../dom.js';
import {bytes, count, many, span} from '../format.js';
import {link} from '../router.js';
import {CHARTS, history, note, readMetrics} from '../server/metrics.js';
import {serverTabs} from '../server/tabs.js';

const EVERY = 2000; // milliseconds between looks
const SHOWN = 10;
const node = path('_node', '_local');

export async function show(outlet, _, signal) {
  const [welcome, versions, system] = await Promise.all([json('', {signal}), json(`${node}/_versions`, {signal}), json(`${node}/_system`, {signal})]);
  const charts = h('div', {class: 'sparks'});
  const problems = h('div', {class: 'columns'});
  const paused = h('button', {'aria-pressed': 'false', onclick: () => paused.setAttribute('aria-pressed', String(!isPaused()))}, 'Pause');
  const isPaused = () => paused.getAttribute('aria-pressed') === 'true';

  async function look() {
    const [metrics, conflicts] = await Promise.all([text(`${node}/_prometheus`, {signal, headers: {Accept: 'text/plain'}}), json('_docstore/conflict_stats', {signal})]);
    note(readMetrics(metrics), performance.now());
    replace(charts, CHARTS.map(([title, unit]) => sparkline(title, history(title), (value) => amount(value, unit))));
    replace(problems, conflictPanels(conflicts));
  }
  async function again() {
    if (!isPaused() && !document.hidden) await look().catch((error) => signal.aborted || tellFailure(error));
    if (!signal.aborted) setTimeout(again, EVERY);
  }

  outlet.append(h('h1', {}, 'Server'), serverTabs('Overview'),
    h('dl', {class: 'facts'}, facts(welcome, versions, system).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    h('div', {class: 'bar-of-tools'}, h('h2', {}, 'Now'), h('span', {class: 'quiet'}, `the last ${span(EVERY * 150)}, a look every ${span(EVERY)}`), paused),
    charts, h('h2', {}, 'Conflicts'), problems);
  await look();
  setTimeout(again, EVERY);
}

function amount(value, unit) {
  if (unit === 'bytes') return bytes(value);
  const told = value >= 100 || Number.isInteger(value) ? count(Math.round(value)) : value.toFixed(value < 1 ? 2 : 1);
  return `${told}${unit && unit.startsWith('/') ? unit : unit ? ` ${unit}` : ''}`;
}

const facts = (welcome, versions, system) => [
  ['docstore', versions.docstore], ['API', `CouchDB ${welcome.version}`], ['Up for', span(system.uptime * 1000)],
  ['Python', versions.python], ['JavaScript', `${versions.javascript_engine.name} ${versions.javascript_engine.version}`],
  ['Collation', versions.collation_driver.library_version], ['Server id', welcome.uuid],
];

function conflictPanels({conflicts, kinds, databases, documents, idempotent_replays: replays, lenient_successes: lenient}) {
  const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
  return [
    h('section', {class: 'panel'}, h('h3', {}, `${many(conflicts, 'edit')} refused since the start`), table(Object.entries(kinds)),
      h('p', {class: 'quiet'}, `${count(total(replays))} answered again for a key, ${count(total(lenient))} found applied already`)),
    h('section', {class: 'panel'}, h('h3', {}, 'By database'),
      table(Object.entries(databases).map(([name, by]) => [name, total(by)]).sort((a, b) => b[1] - a[1]).slice(0, SHOWN), (name) => h('a', {href: link(['db', name])}, name))),
    h('section', {class: 'panel'}, h('h3', {}, 'Documents with most in the last hour'),
      table(documents.most.map(({db, id, conflicts: number}) => [[db, id], number]), ([db, id]) => h('a', {href: link(['db', db, 'doc', id])}, `${db}: ${id}`))),
  ];
}

const table = (rows, draw = (name) => name) => (rows.length
  ? h('table', {class: 'plain-table'}, h('tbody', {}, rows.map(([name, number]) => h('tr', {}, h('td', {}, draw(name)), h('td', {class: 'number'}, count(number))))))
  : h('p', {class: 'quiet'}, 'None'));
