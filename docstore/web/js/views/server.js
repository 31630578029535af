// The server as a whole: what it is, what it does, what goes wrong.

import {json, path, text} from '../api.js';
import {sparkline} from '../components/sparkline.js';
import {problemLine} from '../components/toast.js';
import {h, replace} from '../dom.js';
import {bytes, clock, count, many, span} from '../format.js';
import {lookOn} from '../live/looking.js';
import {link} from '../router.js';
import {CHARTS, history, note, readMetrics} from '../server/metrics.js';
import {serverTabs} from '../server/tabs.js';

const EVERY = 2000; // milliseconds between looks
const SHOWN = 10;
const HOUR = 3_600_000;
const node = path('_node', '_local');

export async function show(outlet, _, signal) {
  const [welcome, versions, system] = await Promise.all([json('', {signal}), json(`${node}/_versions`, {signal}), json(`${node}/_system`, {signal})]);
  const charts = h('div.sparks', {});
  const lately = h('section.panel', {'aria-label': 'Problems'});
  const problems = h('div.columns', {});
  const problem = problemLine();
  const paused = h('button', {'aria-pressed': 'false', onclick: () => paused.setAttribute('aria-pressed', String(!isPaused()))}, 'Pause');
  const isPaused = () => paused.getAttribute('aria-pressed') === 'true';

  async function look() {
    const [metrics, log, conflicts] = await Promise.all([text(`${node}/_prometheus`, {signal, headers: {Accept: 'text/plain'}}), json('_docstore/log', {query: {level: 'warning', limit: 500}, signal}), json('_docstore/conflict_stats', {signal})]);
    note(readMetrics(metrics), performance.now());
    replace(charts, CHARTS.map(([title, unit]) => sparkline(title, history(title), (value) => amount(value, unit))));
    replace(lately, problemsPanel(log.lines.filter(({time}) => Date.now() - new Date(time) < HOUR).reverse()));
    replace(problems, conflictPanels(conflicts));
  }
  outlet.append(h('h1', {}, 'Server'), serverTabs('Overview'),
    h('dl.facts', {}, facts(welcome, versions, system).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
    h('div.bar-of-tools', {}, h('h2', {}, 'Now'), h('span.quiet', {}, `the last ${span(EVERY * 150)}, a look every ${span(EVERY)}`), paused),
    problem, charts, lately, h('h2', {}, 'Conflicts'), problems);
  await look();
  lookOn(async () => isPaused() || look(), EVERY, problem, signal);
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

// Warnings and errors of the log, newest first.
const problemsPanel = (lines) => [
  h('h2', {}, `${many(lines.length, 'problem')} in the last hour`),
  lines.length > 0 && h('table.plain-table', {}, h('tbody', {}, lines.slice(0, SHOWN).map(({time, message}) =>
    h('tr', {}, h('td.quiet', {}, clock(new Date(time))), h('td.mono.any', {}, message.slice(0, 300)))))),
  h('a', {href: link(['server', 'log'], {level: 'warning'})}, 'The log'),
];

function conflictPanels({conflicts, kinds, databases, documents, idempotent_replays: replays, lenient_successes: lenient}) {
  const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
  return [
    h('section.panel', {}, h('h3', {}, `${many(conflicts, 'edit')} refused since the start`), table(Object.entries(kinds)),
      h('p.quiet', {}, `${count(total(replays))} answered again for a key, ${count(total(lenient))} found applied already`)),
    h('section.panel', {}, h('h3', {}, 'By database'),
      table(Object.entries(databases).map(([name, by]) => [name, total(by)]).sort((a, b) => b[1] - a[1]).slice(0, SHOWN), (name) => h('a', {href: link(['db', name])}, name))),
    h('section.panel', {}, h('h3', {}, 'Documents with most in the last hour'),
      table(documents.most.map(({db, id, conflicts: number}) => [[db, id], number]), ([db, id]) => h('a', {href: link(['db', db, 'doc', id])}, `${db}: ${id}`))),
  ];
}

const table = (rows, draw = (name) => name) => (rows.length
  ? h('table.plain-table', {}, h('tbody', {}, rows.map(([name, number]) => h('tr', {}, h('td', {}, draw(name)), h('td.number', {}, count(number))))))
  : h('p.quiet', {}, 'None'));
