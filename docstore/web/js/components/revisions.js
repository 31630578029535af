// The revisions of a document that led to the one that is shown, and whether others are in conflict with it.

import {json, key, path} from '../api.js';
import {h, replace} from '../dom.js';
import {many} from '../format.js';
import {link} from '../router.js';

const SHOWN = 30;

// `shown()` is the revision that is looked at. Reading is put off until somebody opens the list.
export function revisionsPanel({db, id, shown, signal}) {
  const list = h('ol.revisions', {});
  const details = h('details', {}, h('summary', {}, 'Earlier revisions'), list);
  const conflicts = h('p.warning', {hidden: true});
  const element = h('section.panel', {'aria-label': 'Revisions'},
    h('div.bar-of-tools', {}, h('h2', {}, 'Revisions'), h('a.button.plain.spread', {href: link(['db', db, 'doc', id, 'tree'])}, 'Tree')),
    conflicts, details);

  async function fill() {
    const {nodes} = await json(path(db, id, '_tree'), {signal});
    const known = new Map(nodes.map((node) => [node.rev, node]));
    const before = [];
    for (let node = known.get(shown()); node; node = known.get(node.parent)) before.push(node);
    replace(list, before.slice(0, SHOWN).map(({rev, available, deleted}) => h('li', {},
      available === true ? h('a', {href: link(['db', db, 'doc', id], {rev}), class: 'mono', 'aria-current': rev === shown() && 'true'}, short(rev)) : h('span.mono.quiet', {}, short(rev)),
      ' ', h('small', {}, deleted ? 'deleted' : available === true ? '' : 'compacted away'))),
    before.length > SHOWN && h('li.quiet', {}, `and ${many(before.length - SHOWN, 'earlier one')}`));
  }

  async function look() {
    const {rows} = await json(`${path(db)}/_conflicts`, {query: {key: key(id)}, signal});
    const others = rows[0]?.value.conflicts ?? [];
    conflicts.hidden = !others.length;
    replace(conflicts, `${many(others.length, 'other revision is', 'other revisions are')} in conflict with this document. `,
      h('a', {href: link(['db', db, 'doc', id, 'merge'])}, 'Merge them'));
  }

  function draw() {
    look().catch(() => {});
    if (details.open) fill().catch(() => {});
  }
  details.addEventListener('toggle', () => details.open && fill().catch((error) => replace(list, h('li.problem', {}, error.message))));
  draw();
  return {element, draw};
}

const short = (rev) => (rev.length > 24 ? `${rev.slice(0, 24)}…` : rev);
