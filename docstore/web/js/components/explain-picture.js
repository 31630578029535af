// How a query is answered, as a picture: step by step from left to right, and below it the indexes that were not taken.

import {h} from '../dom.js';
import {candidatesOf, stepsOf} from '../query/explain-words.js';

export function explainPicture(plan) {
  const candidates = candidatesOf(plan);
  return h('section.explain', {'aria-label': 'How the query is answered'},
    h('ol.explain-steps', {}, stepsOf(plan).map(({title, detail, cost}) =>
      h('li', {class: cost}, h('strong', {}, title), detail && h('span.quiet', {}, detail)))),
    candidates.length ? [h('h3', {}, 'Not taken'),
      h('ul.explain-others', {}, candidates.map(({name, fields, usable, reason}) =>
        h('li', {}, h('strong', {}, name), ' ', h('span.mono', {}, fields.join(', ')), ' ',
          h('span', {class: `badge ${usable ? '' : 'warn'}`}, usable ? 'usable' : 'not usable'), ` ${reason}`)))] : null,
    h('details', {}, h('summary', {}, 'As JSON'), h('pre', {tabindex: '0'}, JSON.stringify(plan, null, 2))));
}
