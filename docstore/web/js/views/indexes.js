// The indexes of a database: which there are, making and removing them.

import {call, json, path, send} from '../api.js';
import {ask, confirm} from '../components/dialog.js';
import {withFields, withSelector} from '../components/selector-completion.js';
import {tellFailure, toast} from '../components/toast.js';
import {field, h, replace} from '../dom.js';
import {fieldsOf} from '../query/explain-words.js';
import {link} from '../router.js';

export async function show(outlet, {db}, signal) {
  const rows = h('tbody', {});
  async function draw() {
    const {indexes} = await json(path(db, '_index'), {signal});
    replace(rows, indexes.map((index) => drawRow(index, async () => {
      if (!(await confirm(`Remove ${index.name}?`, 'Queries that use it will look at other indexes, or at all documents.', 'Remove', {danger: true}))) return;
      try {
        await call('DELETE', path(db, '_index', index.ddoc.replace(/^_design\//, ''), index.type, index.name), {signal});
        toast(`${index.name} was removed.`);
        await draw();
      } catch (error) {
        tellFailure(error);
      }
    })));
  }
  await draw();
  outlet.append(
    h('h1', {}, `Indexes of ${db}`),
    h('div.bar-of-tools', {}, h('button.primary', {onclick: async () => { if (await create(db, signal)) await draw(); }}, 'New index…'),
      h('a.button', {href: link(['db', db, 'query'])}, 'Query')),
    h('div.scrolling-x', {}, h('table.plain-table', {},
      h('thead', {}, h('tr', {}, ['Name', 'Fields', 'Kind', 'Design document', ''].map((title) => h('th', {scope: 'col'}, title)))), rows)));
}

function drawRow(index, remove) {
  const partial = index.def.partial_filter_selector;
  const kinds = [index.type, index.unique && `unique (${index.state})`, partial && 'partial', index.partitioned && 'partitioned'].filter(Boolean);
  return h('tr', {},
    h('td', {}, index.name), h('td.mono', {}, fieldsOf(index).join(', ')),
    h('td', {title: partial ? JSON.stringify(partial) : null}, kinds.join(', ')), h('td.mono', {}, index.ddoc ?? ''),
    h('td', {}, index.type === 'special' ? '' : h('button.danger', {'aria-label': `Remove ${index.name}`, onclick: remove}, 'Remove')));
}

async function create(db, signal) {
  const fields = withFields(h('input', {required: true, placeholder: 'year, title'}), db);
  const name = h('input', {});
  const ddoc = h('input', {});
  const partial = withSelector(h('textarea.mono', {rows: 3, wrap: 'off', placeholder: '{"type": "film"}'}), db);
  const unique = h('input', {type: 'checkbox', id: 'unique-index'});
  return ask({
    title: 'New index', button: 'Make it',
    content: [field('Fields', fields, 'Names with commas between them; a.b is b within a. "year desc" for the other order.'),
      field('Name', name, 'Made up if left empty.'), field('Design document', ddoc, 'Made up if left empty.'),
      field('Only documents that match', partial, 'A selector; empty for all.'),
      h('label.check', {for: unique.id}, unique, 'Unique: no two documents may have the same values')],
    submit: async () => {
      const index = {fields: fields.value.split(',').map((one) => one.trim()).filter(Boolean).map(ordered)};
      if (partial.value.trim()) index.partial_filter_selector = JSON.parse(partial.value);
      const asked = {index, type: 'json', ...(name.value && {name: name.value}), ...(ddoc.value && {ddoc: ddoc.value}), ...(unique.checked && {unique: true})};
      const made = await send('POST', path(db, '_index'), {json: asked, signal});
      toast(made.result === 'created' ? `${made.name} was made.` : `${made.name} was there already.`);
      return true;
    },
  });
}

const ordered = (text) => {
  const [, name, order] = /^(.*?)\s+(asc|desc)$/.exec(text) ?? [null, text, null];
  return order ? {[name]: order} : name;
};
