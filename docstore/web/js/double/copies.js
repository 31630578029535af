// A request of the journal, or a rule, as something to run elsewhere: a curl command, a pytest.
//
// Owns the quoting. What the journal has hidden stays out; who uses it fills in a user.

const LEFT_OUT = new Set(['host', 'content-length', 'connection', 'accept-encoding', 'user-agent', 'origin', 'referer', 'cache-control', 'pragma', 'priority']);
const HIDDEN = '(hidden)';

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
// JSON strings are Python's too, but for what is beyond the first plane, which takes eight digits.
const python = (text) => JSON.stringify(text).replace(/[\u007f-\u{10ffff}]/gu, (one) => `\\U${one.codePointAt(0).toString(16).padStart(8, '0')}`);

const told = (request) => request.headers.filter(([name, value]) => !LEFT_OUT.has(name.toLowerCase()) && !name.toLowerCase().startsWith('sec-') && value !== HIDDEN);
const isSigned = (request) => request.headers.some(([, value]) => value === HIDDEN);
const isCut = (request) => request.body_size > new TextEncoder().encode(request.body).length;

// Whoever asked chose the target and the body, so they name no other host, and no file of whoever runs it.
export function asCurl(request, root) {
  const where = root.origin + request.target.replace(/^https?:\/\/[^/]*/i, '').replaceAll(' ', '%20');
  const parts = ['curl', '-gi', '--path-as-is', ...(request.method === 'HEAD' ? ['-I'] : ['-X', request.method]), shell(where)];
  if (isSigned(request)) parts.push('-u', '"$USER:$PASSWORD"');
  for (const [name, value] of told(request)) parts.push('-H', shell(`${name}: ${value}`));
  if (request.body) parts.push('--data-raw', shell(request.body));
  return `${isCut(request) ? '# the journal has the beginning of the body only\n' : ''}${parts.join(' ')}\n`;
}

// A test that sends the request to a server of its own, and expects the answer that there was.
export function asPytest(request) {
  const name = `${request.method}_${request.target}`.replace(/\?.*$/, '').replace(/[^A-Za-z0-9]+/g, '_').replace(/_+$/, '').toLowerCase();
  const headers = told(request).map(([key, value]) => `${python(key)}: ${python(value)}`).join(', ');
  const lines = ['import http.client', 'from urllib.parse import urlsplit', '', '', `def test_${name}(docstore_server):`];
  if (isCut(request)) lines.push('    # the journal has the beginning of the body only');
  lines.push('    connection = http.client.HTTPConnection(urlsplit(docstore_server.url).netloc, timeout=10)',
    `    body = ${request.body ? `${python(request.body)}.encode()` : 'None'}`,
    `    connection.request(${python(request.method)}, ${python(request.target)}, body, {${headers}})`,
    '    reply = connection.getresponse()');
  lines.push(request.status === null ? '    reply.read()' : `    assert reply.status == ${request.status}, reply.read()`, '    connection.close()');
  return `${lines.join('\n')}\n`;
}

// A test whose server has this rule from the beginning; `rule` is its JSON text.
export const ruleAsPytest = (rule) => ['import json', '', '', 'def test_with_a_fault(docstore_server):',
  `    fault = docstore_server.faults.add(json.loads(${python(rule)}))`, '    # what is tested talks to docstore_server.url here', '    assert fault.hits', ''].join('\n');
