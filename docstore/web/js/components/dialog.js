// Questions on top of the page: the browser's own dialog element, so focus is kept inside and Escape closes it.

import {h, uniqueId} from '../dom.js';
import {problemLine} from './toast.js';

// Shows `content` under a title. `submit()` is called for the button, and may refuse by raising: the error is shown and
// the dialog stays. Resolves with what `submit` returned, or with null if the dialog was closed.
export function ask({title, content, button = 'OK', danger = false, submit = () => true, wide = false}) {
  return new Promise((resolve) => {
    const heading = h('h2', {id: uniqueId('dialog')}, title);
    const problem = problemLine();
    const yes = button && h('button', {type: 'submit', class: danger ? 'danger' : 'primary'}, button);
    const no = h('button', {type: 'button', onclick: () => dialog.close()}, button ? 'Cancel' : 'Close');
    let result = null;
    const form = h('form', {method: 'dialog'}, heading, content, problem, h('div.buttons', {}, no, yes));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!button) return dialog.close();
      yes.disabled = true;
      problem.hidden = true;
      try {
        result = await submit(form);
        dialog.close();
      } catch (error) {
        problem.tell(error);
      } finally {
        yes.disabled = false;
      }
    });
    const before = document.activeElement;
    const dialog = h('dialog', {'aria-labelledby': heading.id, class: wide && 'wide'}, form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    const first = form.querySelector('[autofocus], input, textarea, select') ?? yes ?? no;
    first.focus();
  });
}

// Whether the user says yes to a sentence.
export const confirm = (title, sentence, button, options) =>
  ask({title, content: h('p', {}, sentence), button, ...options}).then(Boolean);
