// A view: rows of a range of keys as far as one scrolls, or groups with their reduced values and a chart.

import {json, path, text} from '../api.js';
import {barChart, measured} from '../components/bar-chart.js';
import {problemLine} from '../components/toast.js';
import {virtualList} from '../components/virtual-list.js';
import {field, h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {compute} from '../merge/off-page.js';
import {following, parametersOf, viewsOf} from '../query/view-questions.js';
import {go, link, setQuery} from '../router.js';

const PAGE = 100;
const GROUPS = [['', 'one value of all'], ['exact', 'by key'], ['1', 'by the first item'], ['2', 'by the first 2 items'], ['3', 'by the first 3 items']];

export async function show(outlet, {db, ddoc, view, query}, signal) {
  const views = viewsOf((await json(path(db, '_design_docs'), {query: {include_docs: true}, signal})).rows);
  if (ddoc === undefined) return showViews(outlet, db, views);
  const known = views.find((one) => one.ddoc === ddoc && one.view === view);
  const inputs = formOf(query, known?.reduces ?? false);
  const filled = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.type === 'checkbox' ? input.checked : input.value]));
  const rows = [];
  let asked = {};
  let isComplete = false;
  let reading = null;
  const told = h('p.quiet', {role: 'status'});
  const problem = problemLine();
  const chart = h('div', {});
  const list = virtualList({
    count: 0, rowHeight: 34, label: 'Rows', columns: 'minmax(6rem, 1fr) 2fr minmax(5rem, 1fr)', head: ['Key', 'Value', 'Document'],
    draw: (index) => rows[index] && drawRow(db, rows[index]),
    onRange: (_, last) => last >= rows.length - 1 && readOn(),
    onOpen: (index) => rows[index]?.id && go(['db', db, 'doc', rows[index].id]),
  });

  async function readOn() {
    if (reading || isComplete) return;
    const own = (reading = new AbortController());
    const from = rows.length ? following(asked, rows.at(-1)) : asked;
    try {
      const both = AbortSignal.any([own.signal, signal]);
      const reply = await compute('view', {text: await text(path(db, '_design', ddoc, '_view', view), {query: {...from, limit: PAGE}, signal: both})}, both);
      rows.push(...reply.rows);
      isComplete = reply.rows.length < PAGE;
      tell(reply.others);
    } catch (error) {
      if (own.signal.aborted || signal.aborted) return;
      isComplete = true;
      problem.tell(error);
    } finally {
      if (reading === own) reading = null;
    }
    list.count = rows.length;
    drawChart();
  }
  function tell({total_rows: total}) {
    const shown = `${many(rows.length, asked.reduce === 'true' ? 'group' : 'row')}${isComplete ? '' : ' so far'}`;
    told.textContent = total === undefined ? shown : `${shown}; the view has ${count(total)}.`;
  }
  function drawChart() {
    const bars = asked.reduce === 'true' ? rows.map((row) => [row.key === 'null' ? 'all' : row.key ?? 'all', measured(row.value)]) : [];
    replace(chart, bars.length && bars.every(([, value]) => value !== null) ? barChart(bars, {label: `${view} by key`}) : null);
  }
  function ask() {
    reading?.abort();
    reading = null;
    rows.length = 0;
    isComplete = false;
    problem.hidden = true;
    asked = parametersOf(filled());
    list.count = 0;
    const left = known?.reduces && !filled().reduce ? '0' : ''; // no word of it is as a view is shown at first
    setQuery(Object.fromEntries(Object.entries(filled()).map(([name, value]) => [name, value === true ? '1' : value || (name === 'reduce' ? left : '')])));
    return readOn();
  }
  outlet.addEventListener('viewkey', ({detail}) => {
    if (list.press(detail.event)) detail.event.preventDefault();
  });
  outlet.append(h('h1', {}, `${ddoc}/${view}`), drawForm(inputs, known?.reduces, ask),
    h('p', {}, h('a', {href: link(['db', db, 'design', ddoc])}, 'The functions'), ' · ', h('a', {href: link(['db', db, 'views'])}, 'All views')),
    problem, told, chart, list);
  await ask();
}

function showViews(outlet, db, views) {
  outlet.append(h('h1', {}, `Views of ${db}`),
    h('div.bar-of-tools', {}, h('a.button', {href: link(['db', db, 'design'])}, 'Design documents')),
    views.length ? h('ul', {}, views.map(({ddoc, view, reduces}) =>
      h('li', {}, h('a', {href: link(['db', db, 'view', ddoc, view])}, `${ddoc}/${view}`), reduces ? h('span.quiet', {}, ' with a reduction') : null)))
      : h('p.empty', {}, 'No design document of this database has a view.'));
}

function formOf(query, reduces) {
  const input = (name) => h('input', {value: query.get(name) ?? '', class: 'mono'});
  const box = (name, byDefault = false) => h('input', {type: 'checkbox', id: `view-${name}`, checked: query.get(name) === '1' || (byDefault && query.size === 0)});
  const group = h('select', {}, GROUPS.map(([value, label]) => h('option', {value}, label)));
  group.value = query.get('group') ?? (query.size === 0 && reduces ? 'exact' : '');
  return {key: input('key'), startkey: input('startkey'), endkey: input('endkey'), descending: box('descending'),
    reduce: box('reduce', reduces), group};
}

function drawForm(inputs, reduces, ask) {
  const box = (input, label) => h('label.check', {for: input.id}, input, label);
  return h('form.bar-of-tools', {onsubmit: (event) => { event.preventDefault(); ask(); }},
    field('From key', inputs.startkey), field('To key', inputs.endkey), field('One key', inputs.key),
    reduces ? field('Groups', inputs.group) : null,
    reduces ? box(inputs.reduce, 'Reduce') : null, box(inputs.descending, 'Backwards'),
    h('button.primary', {}, 'Show'));
}

function drawRow(db, row) {
  return [h('span.mono', {}, (row.key ?? '').slice(0, 300)), h('span.mono', {}, (row.value ?? '').slice(0, 600)),
    row.id === null ? '' : h('a', {href: link(['db', db, 'doc', row.id]), tabindex: '-1'}, row.id)];
}
