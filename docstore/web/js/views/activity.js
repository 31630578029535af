// What the server does now: tasks and replications, with progress, rates, errors in words, and buttons to stop or start.

import {call, json, path, root, send} from '../api.js';
import {confirm} from '../components/dialog.js';
import {problemLine, tellFailure, toast} from '../components/toast.js';
import {h, replace} from '../dom.js';
import {count, many} from '../format.js';
import {lookOn} from '../live/looking.js';
import {Samples} from '../live/samples.js';
import {endName, errorWords, readReplication, readTask} from '../live/tasks-words.js';
import {without} from '../lossless/members.js';
import {link} from '../router.js';

const EVERY = 1000;
const SHOWN = 100;

export async function show(outlet, params, signal) {
  const samples = new Samples();
  const tasks = h('div', {});
  const replications = h('div', {});
  const problem = problemLine();
  let last = '';

  async function look() {
    const [active, jobs, docs] = await Promise.all([
      json('_active_tasks', {signal}), json('_scheduler/jobs', {query: {limit: SHOWN}, signal}),
      json('_scheduler/docs', {query: {limit: SHOWN}, signal}).catch((error) => { if (error.status === 404) return {docs: [], total_rows: 0}; throw error; }),
    ]);
    const now = performance.now();
    const shownTasks = active.filter((task) => task.type !== 'replication').map(readTask);
    const shownJobs = [...docs.docs, ...jobs.jobs.filter((job) => !job.doc_id)].map(readReplication);
    for (const task of shownTasks) if (task.done !== null) samples.note(task.key, task.done, now);
    for (const job of shownJobs) samples.note(job.key, job.checked, now);
    samples.keep(new Set([...shownTasks, ...shownJobs].map(({key}) => key)));
    const drawn = JSON.stringify([shownTasks, shownJobs, [...shownTasks, ...shownJobs].map(({key}) => samples.rate(key)?.toFixed(0))]);
    if (drawn === last) return;
    last = drawn;
    const focused = outlet.contains(document.activeElement) ? document.activeElement.id : '';
    replace(tasks, shownTasks.length ? shownTasks.map((task) => drawTask(task, samples.rate(task.key))) : h('p.quiet', {}, 'No index is being built, nothing is being compacted.'));
    replace(replications, shownJobs.length ? shownJobs.map((job) => drawReplication(job, samples.rate(job.key), () => { last = ''; }))
      : h('p.quiet', {}, 'There are no replications.'),
    docs.total_rows > SHOWN ? h('p.quiet', {}, `The first ${SHOWN} of ${count(docs.total_rows)}.`) : null);
    if (focused) document.getElementById(focused)?.focus();
  }
  await look();
  outlet.append(
    h('h1', {}, 'Activity'), problem,
    h('section', {'aria-label': 'Tasks'}, h('h2', {}, 'Tasks'), tasks),
    h('section', {'aria-label': 'Replications'},
      h('div.bar-of-tools', {}, h('h2', {}, 'Replications'), h('a.button.primary.spread', {href: link(['replications', 'new'])}, 'New replication')),
      replications));
  lookOn(look, EVERY, problem, signal);
}

const bar = (share, label) => (share === null ? h('progress', {'aria-label': label}) : h('progress', {value: share, max: 1, 'aria-label': label}));
const speed = (rate, what) => (rate === null || rate < 0.5 ? '' : `, ${count(Math.round(rate))} ${what} a second`);

function drawTask(task, rate) {
  return h('article.task', {}, h('h3', {}, task.title), bar(task.share, task.title),
    h('p.quiet', {}, task.done === null ? '' : `${count(task.done)}${task.total === null ? '' : ` of ${many(task.total, 'change')}`}${speed(rate, 'changes')}`));
}

function drawReplication(job, rate, changed) {
  const title = `${endName(job.source, root)} → ${endName(job.target, root)}`;
  const isOver = job.state === 'completed' || job.state === 'failed';
  return h('article.task', {},
    h('div.bar-of-tools', {}, h('h3', {}, title), h('span', {class: `badge ${job.isBad ? 'danger' : isOver ? 'done' : ''}`}, job.state),
      h('div.buttons.spread', {},
        isOver && job.docId ? h('button', {id: `start ${job.key}`, onclick: () => startAgain(job).then(changed)}, 'Start again') : null,
        h('button', {id: `stop ${job.key}`, class: 'danger', onclick: () => stop(job).then(changed)}, isOver ? 'Remove' : 'Stop'))),
    job.isBad ? null : bar(job.share, title),
    h('p.quiet', {}, `It ${job.words}: ${count(job.read)} read, ${count(job.written)} written${job.failures ? `, ${count(job.failures)} refused` : ''}`
      + `${job.pending ? `, ${count(job.pending)} to come` : ''}${speed(rate, 'revisions')}.`),
    job.error && job.isBad ? h('p.problem', {}, `${errorWords(job.error)}${job.errorCount > 1 ? ` ${job.errorCount} times in a row.` : ''}`) : null,
    job.docId ? h('p', {}, h('a', {href: link(['db', job.database, 'doc', job.docId])}, `${job.database}/${job.docId}`)) : h('p.quiet', {}, 'Begun by a request; it ends with the server.'));
}

async function stop(job) {
  try {
    if (!job.docId) {
      if (!(await confirm('Stop the replication?', 'It was begun by a request, and is gone then.', 'Stop', {danger: true}))) return;
      await send('POST', '_replicate', {json: {replication_id: job.jobId, cancel: true}});
      return toast('The replication was stopped.');
    }
    if (!(await confirm('Stop the replication?', `Its document ${job.docId} is deleted. What was replicated stays.`, 'Stop', {danger: true}))) return;
    const kept = await (await call('GET', path(job.database, job.docId))).text();
    const {_rev: rev} = JSON.parse(kept);
    await call('DELETE', path(job.database, job.docId), {query: {rev}});
    toast('The replication was stopped.', {action: ['Start it again', () => putAgain(job, kept).catch(tellFailure)]});
  } catch (error) {
    tellFailure(error);
  }
}

// Without what the server wrote about its end the document is carried out again.
async function startAgain(job) {
  try {
    await putAgain(job, await (await call('GET', path(job.database, job.docId))).text());
    toast('The replication was started.');
  } catch (error) {
    tellFailure(error);
  }
}

async function putAgain(job, kept) {
  const current = await call('HEAD', path(job.database, job.docId)).then((reply) => reply.headers.get('ETag')?.replaceAll('"', ''), () => null);
  const body = without(kept, Object.keys(JSON.parse(kept)).filter((name) => name === '_rev' || name.startsWith('_replication_')));
  await send('PUT', path(job.database, job.docId), {query: {rev: current}, body});
}
