// A new replication: both ends are tried before it is saved.

import {call, json, path, root, send} from '../api.js';
import {toast, words} from '../components/toast.js';
import {field, h, replace} from '../dom.js';
import {problemsOf} from '../live/replication-check.js';
import {withMember} from '../lossless/members.js';
import {go} from '../router.js';
import {session} from '../session.js';

export async function show(outlet, {query}, signal) {
  const names = await json('_all_dbs', {signal}).catch(() => []);
  const who = await session();
  const source = endFields('source', 'Source', query.get('source'));
  const target = endFields('target', 'Target', query.get('target'));
  const makes = h('input', {type: 'checkbox', id: 'create-target'});
  const goesOn = h('input', {type: 'checkbox', id: 'continuous'});
  const selector = h('textarea.mono', {rows: 3});
  const id = h('input', {});
  const told = h('div', {role: 'status'});
  const save = h('button.primary', {}, 'Check and save');
  const check = h('button', {type: 'button', onclick: () => attempt(async (asked) => {
    if (await isGood(asked)) replace(told, h('p.note', {}, 'Both ends answer.'));
  })}, 'Check only');

  function asked() {
    const made = {source: source.value(), target: target.value()};
    if (makes.checked) made.create_target = true;
    if (goesOn.checked) made.continuous = true;
    if (selector.value.trim()) JSON.parse(selector.value);
    return made;
  }
  async function isGood(wanted) {
    replace(told, h('p', {}, 'Asking both ends…'));
    const problems = await problemsOf(wanted, signal);
    replace(told, problems.map((one) => h('p.problem', {role: 'alert'}, one)));
    return problems.length === 0;
  }
  async function attempt(work) {
    save.disabled = check.disabled = true;
    try {
      await work(asked());
    } catch (error) {
      if (!signal.aborted) replace(told, h('p.problem', {role: 'alert'}, words(error)));
    } finally {
      save.disabled = check.disabled = false;
    }
  }
  async function keep(wanted) {
    if (!(await isGood(wanted))) return;
    await call('PUT', path('_replicator'), {signal}).catch((error) => { if (error.status !== 412) throw error; });
    let body = JSON.stringify(wanted);
    if (selector.value.trim()) body = withMember(body, 'selector', selector.value); // as it was typed
    const made = id.value ? await send('PUT', path('_replicator', id.value), {body, signal}) : await send('POST', path('_replicator'), {body, signal});
    toast(`The replication ${made.id} was saved.`);
    go(['activity']);
  }
  outlet.append(
    h('h1', {}, 'New replication'),
    h('datalist', {id: 'databases-here'}, names.slice(0, 2000).map((name) => h('option', {value: name}))),
    h('form.stack', {onsubmit: (event) => { event.preventDefault(); attempt(keep); }},
      source.element, target.element,
      h('label.check', {for: makes.id}, makes, 'Make the target if it is not there'),
      h('label.check', {for: goesOn.id}, goesOn, 'Go on for ever with what changes'),
      field('Only documents that match', selector, 'A selector; empty for all.'),
      field('Id of its document', id, 'Made up if left empty.'),
      who.isParty ? null : h('p.quiet', {}, 'The replication asks this server too as anybody else does, so a database here needs a user who may.'),
      h('div.buttons', {}, save, check), told));
}

function endFields(name, title, value) {
  const where = h('input', {required: true, list: 'databases-here', value: value ?? ''});
  const user = h('input', {name: `${name}-user`});
  const password = h('input', {type: 'password', name: `${name}-password`});
  return {
    element: h('fieldset', {}, h('legend', {}, title), field('Database', where, 'A name of this server, or the URL of one elsewhere.'), field('User', user), field('Password', password)),
    value() {
      const text = where.value.trim();
      const end = {url: /^https?:\/\//.test(text) ? text : new URL(encodeURIComponent(text), root).href};
      if (user.value) end.auth = {basic: {username: user.value, password: password.value}};
      return end;
    },
  };
}
