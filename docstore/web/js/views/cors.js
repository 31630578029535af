// Which pages of other origins may use this server.

import {json, send} from '../api.js';
import {problemLine, toast} from '../components/toast.js';
import {field, h} from '../dom.js';
import {serverTabs} from '../server/tabs.js';

const WHERE = '_api/v2/user/config/cors';

export async function show(outlet, _, signal) {
  const known = await json(WHERE, {signal});
  const enabled = h('input', {type: 'checkbox', checked: known.enable_cors});
  const credentials = h('input', {type: 'checkbox', checked: known.allow_credentials});
  const origins = h('textarea.mono', {rows: 6, value: known.origins.join('\n')});
  const warning = h('p.warning', {hidden: true}, 'Pages of any origin, and with the credentials of whoever visits them: what they may, such a page may.');
  const problem = problemLine();
  const list = () => origins.value.split(/[\s,]+/).filter(Boolean);
  const look = () => { warning.hidden = !(enabled.checked && credentials.checked && list().includes('*')); };
  const form = h('form.stack', {oninput: look},
    h('label.check', {}, enabled, 'Let pages of other origins in'),
    field('Origins', origins, 'one a line, with https:// and the port if it is not the usual one; * for any'),
    h('label.check', {}, credentials, 'With cookies and other credentials'),
    warning, problem, h('div.buttons', {}, h('button.primary', {}, 'Save')));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    problem.hidden = true;
    try {
      await send('PUT', WHERE, {json: {enable_cors: enabled.checked, allow_credentials: credentials.checked, origins: list()}});
      toast('Saved; it counts at once.');
    } catch (error) {
      problem.tell(error);
    }
  });
  look();
  outlet.append(h('h1', {}, 'CORS'), serverTabs('CORS'), form);
}
