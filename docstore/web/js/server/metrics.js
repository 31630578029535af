// The server's metrics as numbers, and what has become of them while the page looked.
//
// Owns the reading of the text that Prometheus reads, and a short history of a few of them, kept while the page is open.

const LINE = /^([a-zA-Z_:][\w:]*(?:\{[^}]*\})?) (\S+)$/;
const KEPT = 150;

// `name{labels}` -> number.
export function readMetrics(text) {
  const found = new Map();
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match) found.set(match[1], Number(match[2]));
  }
  return found;
}

// The sum of all whose name begins so and whose labels fit.
export function sum(metrics, name, labels = /^/) {
  let total = 0;
  for (const [key, value] of metrics) if ((key === name || key.startsWith(`${name}{`)) && labels.test(key)) total += value;
  return total;
}

// What is charted: [title, unit, how it is computed of two looks that are so many seconds apart, or of the last alone].
const rate = (name, labels) => (now, before, seconds) => (sum(now, name, labels) - sum(before, name, labels)) / seconds;
const now = (name) => (metrics) => sum(metrics, name);

export const CHARTS = [
  ['Requests', '/s', rate('couchdb_httpd_requests_total')],
  ['Refused: 4xx', '/s', rate('couchdb_httpd_status_codes', /code="4/)],
  ['Failed: 5xx', '/s', rate('couchdb_httpd_status_codes', /code="5/)],
  ['Conflicts', '/s', rate('docstore_conflicts_total')],
  ['Commits', '/s', rate('docstore_group_commits_total')],
  ['Commands written', '/s', rate('docstore_commands_total')],
  ['CPU', '%', (after, before, seconds) => 100 * rate('process_cpu_seconds_total')(after, before, seconds)],
  ['Memory', 'bytes', now('process_resident_memory_bytes')],
  ['Data file', 'bytes', now('docstore_data_file_bytes')],
  ['Open snapshots', '', now('docstore_open_snapshots')],
  ['Oldest snapshot', 's', now('docstore_oldest_snapshot_seconds')],
  ['Jobs that wait', '', now('docstore_worker_jobs_waiting')],
];

let last = null;
const series = new Map(CHARTS.map(([title]) => [title, []]));

// Note a look at the metrics at a moment (ms).
export function note(metrics, moment) {
  if (last && moment > last.moment) {
    const seconds = (moment - last.moment) / 1000;
    for (const [title, , compute] of CHARTS) {
      const points = series.get(title);
      points.push(Math.max(0, compute(metrics, last.metrics, seconds)));
      if (points.length > KEPT) points.shift();
    }
  }
  last = {metrics, moment};
}

export const history = (title) => series.get(title);
