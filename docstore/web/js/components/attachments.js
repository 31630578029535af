// The attachments of a document: previews, downloads, uploads by choosing or dropping files.

import {call, url} from '../api.js';
import {attachmentPath, giveUp, interrupted, progressOf, upload, uploadsOf} from '../documents/uploads.js';
import {h, replace} from '../dom.js';
import {bytes} from '../format.js';
import {ask, confirm} from './dialog.js';
import {tellFailure, toast, words} from './toast.js';

const TEXT = /^(text\/|application\/(json|javascript|xml|x-yaml))|[+](json|xml)/;
const TEXT_SHOWN = 100_000; // characters

// `stubs()` gives [name, {content_type, length}] of the revision `rev()`; `changed()` hears that there is a new one.
export function attachmentsPanel({db, id, rev, stubs, changed, editable}) {
  const list = h('ul.attachments', {});
  const going = h('div.stack', {});
  const chooser = h('input.visually-hidden', {type: 'file', multiple: true, tabindex: '-1', 'aria-label': 'Files to attach'});
  const panel = h('section.panel.drop', {'aria-label': 'Attachments'},
    h('div.bar-of-tools', {}, h('h2', {}, 'Attachments'),
      editable && h('button.spread', {onclick: () => chooser.click()}, 'Add files'), chooser),
    list, going, editable && h('p.quiet', {}, 'Files can be dropped here.'));
  let queue = Promise.resolve();

  // One after the other: each makes a revision that the next one follows.
  function take(files) {
    for (const file of files) queue = queue.then(() => one(file)).catch(tellFailure);
  }

  async function one(file, name = file.name) {
    const made = await upload({db, id, rev: rev(), file, name}, drawGoing);
    toast(`${name} is attached.`);
    if (made) await changed();
    draw();
  }

  // Null for what browsers cannot ask for.
  function placeOf(name) {
    try {
      return url(attachmentPath(db, id, name), {rev: rev()});
    } catch {
      return null;
    }
  }

  function draw() {
    const found = stubs();
    replace(list, found.map(([name, stub]) => {
      const where = placeOf(name);
      return h('li', {},
        where ? h('button.plain.grow', {onclick: () => preview(name, stub)}, name) : h('span.grow', {}, name || '""'),
        h('small', {}, `${stub.content_type}, ${bytes(stub.length)}`),
        where && h('a.button.plain', {href: where, download: name.split('/').pop(), 'aria-label': `Download ${name}`}, '⤓'),
        where && editable && h('button.plain', {'aria-label': `Delete ${name}`, onclick: () => remove(name)}, '✕'));
    }));
    if (!found.length) list.append(h('li.quiet', {}, 'None'));
    drawGoing();
  }

  function drawGoing() {
    const waiting = interrupted(db, id);
    replace(going,
      uploadsOf(db, id).map((one) => h('div', {},
        h('label', {}, `${one.name}: ${bytes(one.sent)} of ${bytes(one.size)}${one.error ? `, waiting: ${one.error}` : ''}`,
          h('progress', {max: one.size || 1, value: one.sent})),
        h('button', {onclick: () => one.control.abort()}, 'Pause'))),
      editable && waiting.map((note) => resumable(note)));
  }

  function resumable(note) {
    const told = h('span', {}, `${note.name} was cut short.`);
    progressOf(note).then((sent) => {
      told.textContent = sent === null ? `${note.name} was cut short, and the server has forgotten it.` : `${note.name} was cut short at ${bytes(sent)} of ${bytes(note.size)}.`;
    });
    const again = h('input.visually-hidden', {type: 'file', tabindex: '-1', 'aria-label': `The file ${note.name} once more`, onchange: () => {
      for (const file of again.files) queue = queue.then(() => one(file, note.name)).catch(tellFailure);
    }});
    return h('div.note', {}, told, ' ', h('button', {onclick: () => again.click()}, 'Choose it again to go on'), again,
      h('button.plain', {onclick: () => giveUp(note).then(drawGoing)}, 'Give it up'));
  }

  async function preview(name, stub) {
    const where = placeOf(name);
    const holder = h('div.preview', {}, 'Reading …');
    const shown = ask({title: name, content: holder, button: null, wide: true});
    replace(holder, await content(where, stub).catch((error) => h('p.problem', {}, words(error))));
    return shown;
  }

  async function remove(name) {
    if (!(await confirm('Delete the attachment?', name, 'Delete', {danger: true}))) return;
    try {
      await call('DELETE', attachmentPath(db, id, name), {query: {rev: rev()}});
      await changed();
      draw();
    } catch (error) {
      tellFailure(error);
    }
  }

  chooser.addEventListener('change', () => {
    take([...chooser.files]);
    chooser.value = '';
  });
  if (editable) {
    panel.addEventListener('dragover', (event) => {
      event.preventDefault();
      panel.classList.add('over');
    });
    panel.addEventListener('dragleave', () => panel.classList.remove('over'));
    panel.addEventListener('drop', (event) => {
      event.preventDefault();
      panel.classList.remove('over');
      take([...event.dataTransfer.files]);
    });
  }
  draw();
  return {element: panel, draw};
}

// What can be shown without letting the file do anything: pictures as pictures, texts as text.
async function content(where, {content_type: type, length}) {
  const [kind] = type.split('/');
  if (kind === 'image') return h('img', {src: where, alt: 'Preview'});
  if (kind === 'audio' || kind === 'video') return h(kind, {src: where, controls: true});
  if (!TEXT.test(type)) return h('p', {}, `There is no preview of ${type}. `, h('a', {href: where, download: true}, 'Download'));
  const control = new AbortController();
  const reply = await call('GET', where, {signal: control.signal, headers: {Accept: '*/*'}});
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await reader.read(); !part.done && text.length < TEXT_SHOWN; part = await reader.read()) text += part.value;
  const isCut = text.length >= TEXT_SHOWN;
  if (isCut) control.abort();
  return [h('pre', {tabindex: '0'}, text.slice(0, TEXT_SHOWN)), isCut && h('p.quiet', {}, `The beginning of ${bytes(length)}.`)];
}
