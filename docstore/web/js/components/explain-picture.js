// How a query is answered, as a picture: step by step from left to right, and below it the indexes that were not taken.

import {h} from '../dom.js';
import {candidatesOf, stepsOf} from '../query/explain-words.js';

export function explainPicture(plan) {
  const candidates = candidatesOf(plan);
  return h('section', {class: 'explain', 'aria-label': 'How the query is answered'},
    h('ol', {class: 'explain-steps'}, stepsOf(plan).map(({title, detail, cost}) =>
      h('li', {class: cost}, h('strong', {}, title), detail && h('span', {class: 'quiet'}, detail)))),
    candidates.length ? [h('h3', {}, 'Not taken'),
      h('ul', {class: 'explain-others'}, candidates.map(({name, fields, usable, reason}) =>
        h('li', {}, h('strong', {}, name), ' ', h('span', {class: 'mono'}, fields.join(', ')), ' ',
          h('span', {class: `badge ${usable ? '' : 'warn'}`}, usable ? 'usable' : 'not usable'), ` ${reason}`)))] : null,
    h('details', {}, h('summary', {}, 'As JSON'), h('pre', {tabindex: '0'}, JSON.stringify(plan, null, 2))));
}
