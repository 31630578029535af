// The settings of the server, by section and key.

import {call, json, path} from '../api.js';
import {ask} from '../components/dialog.js';
import {tellFailure, toast} from '../components/toast.js';
import {field, h, replace} from '../dom.js';
import {count} from '../format.js';
import {setQuery, show as showAgain} from '../router.js';
import {serverTabs} from '../server/tabs.js';

const CONFIG = path('_node', '_local', '_config');

export async function show(outlet, {query}, signal) {
  const known = await json(CONFIG, {signal});
  const all = Object.entries(known).flatMap(([section, keys]) => Object.entries(keys).map(([key, value]) => ({section, key, value})));
  const filter = h('input', {type: 'search', placeholder: 'Filter', 'aria-label': 'Filter settings', value: query.get('filter') ?? '', oninput: () => { draw(); setQuery({filter: filter.value}); }});
  const told = h('span.quiet', {role: 'status'});
  const body = h('tbody', {});

  function draw() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = all.filter(({section, key, value}) => words.every((word) => `${section}/${key} ${value}`.toLowerCase().includes(word)));
    told.textContent = `${count(shown.length)} of ${count(all.length)} settings`;
    replace(body, shown.map((one) => h('tr', {}, h('td.mono', {}, one.section), h('td.mono', {}, one.key), h('td.mono.value', {}, one.value),
      h('td', {}, h('button.plain', {'aria-label': `Change ${one.section}/${one.key}`, onclick: () => change(one)}, 'Change')))));
  }
  draw();
  outlet.append(h('h1', {}, 'Configuration'), serverTabs('Configuration'),
    h('div.bar-of-tools', {}, h('div.grow', {}, filter), told, h('button', {onclick: reload}, 'Read the files again'),
      h('button', {onclick: () => change({section: '', key: '', value: '', isNew: true})}, 'Another setting')),
    h('div.scrolling-x', {tabindex: '0', role: 'region', 'aria-label': 'Settings'},
      h('table.plain-table.settings', {}, h('thead', {}, h('tr', {}, ['Section', 'Key', 'Value'].map((title) => h('th', {}, title)), h('td', {}))), body)));
}

async function change({section, key, value, isNew = false}) {
  const fields = {
    section: h('input', {required: true, value: section, readOnly: !isNew, autocapitalize: 'none'}),
    key: h('input', {required: true, value: key, readOnly: !isNew, autocapitalize: 'none'}),
    value: h('input', {value: value === '****' ? '' : value, autocapitalize: 'none', autofocus: !isNew}),
  };
  const kept = h('input', {type: 'checkbox', checked: true});
  const back = h('input', {type: 'checkbox', onchange: () => { fields.value.disabled = back.checked; }});
  const done = await ask({
    title: isNew ? 'Another setting' : `${section}/${key}`, button: 'Save',
    content: [isNew && [field('Section', fields.section), field('Key', fields.key)], field('Value', fields.value, value === '****' ? 'The present value is a secret, and is not told.' : null),
      h('label.check', {}, kept, 'Also after a restart'), !isNew && h('label.check', {}, back, 'Back to what counted before it was set')],
    submit: async () => {
      const where = `${CONFIG}/${path(fields.section.value, fields.key.value)}`;
      const headers = kept.checked ? {} : {'X-Couch-Persist': 'false'};
      await (back.checked ? call('DELETE', where, {headers}) : call('PUT', where, {json: fields.value.value, headers}));
      return true;
    },
  });
  if (!done) return;
  toast('The setting is changed.');
  await showAgain();
}

const reload = () => call('POST', `${CONFIG}/_reload`, {json: {}}).then(() => toast('The files are read again.')).then(() => showAgain(), tellFailure);
