// JSON text as nodes that know where they stand in it.
//
// Owns the reading of a text for merges and diffs. A node says its kind and its span in the text, so what is written out
// again are slices of the text, never a value that went through `JSON.parse`. Nodes of one `Values` have equal ids if and only
// if they are the same JSON by the server's own rules (`core/merging.py`, `same_json`): `1`, `1.0` and `true` are three,
// `1.0` and `1.00` one, the order of members does not matter. It must not know documents or the page.

export class JsonTextError extends Error {
  // `at` is the index of the character at which the text stops being JSON.
  constructor(message, at) {
    super(message);
    this.name = 'JsonTextError';
    this.at = at;
  }
}

// Ids of values: the same id for the same JSON. One instance for all texts that are compared.
export class Values {
  #ids = new Map();

  // The id of what this key stands for.
  id(key) {
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#ids.size;
      this.#ids.set(key, id);
    }
    return id;
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const LITERALS = ['true', 'false', 'null'];

// The node of a text: `{kind, text, start, end, id}`, with `members` (a Map: name -> `{token, node}`) if it is an object and
// `items` if it is an array. Of members of one name the last counts, in the place of the first, as the server reads it.
// Throws JsonTextError.
export function parseNodes(text, values) {
  return new Reader(text, values).document();
}

class Reader {
  constructor(text, values) {
    this.text = text;
    this.values = values;
    this.at = 0;
  }

  document() {
    const open = []; // containers that are being read, the innermost last: nesting does not use up the stack
    for (;;) {
      let node = this.value(open);
      if (node === null) continue;
      for (;;) {
        const outer = open.at(-1);
        if (outer === undefined) {
          if (this.peek() !== '') this.fail('There is something behind the end of the value.');
          return node;
        }
        this.put(outer, node);
        const mark = this.peek();
        this.at += 1;
        if (mark === ',') {
          if (outer.kind === 'object') this.name(outer);
          break;
        }
        if (mark !== (outer.kind === 'object' ? '}' : ']')) {
          this.at -= 1;
          this.fail(`A comma or ${outer.kind === 'object' ? '}' : ']'} is missing.`);
        }
        node = this.close(open);
      }
    }
  }

  // A value that is complete, or null if a container was opened that has something in it.
  value(open) {
    const mark = this.peek();
    const start = this.at;
    if (mark === '{' || mark === '[') {
      this.at += 1;
      const kind = mark === '{' ? 'object' : 'array';
      const node = {kind, text: this.text, start, end: 0, id: 0};
      if (kind === 'object') node.members = new Map();
      else node.items = [];
      open.push(node);
      const next = this.peek();
      if (next === (kind === 'object' ? '}' : ']')) {
        this.at += 1;
        return this.close(open);
      }
      if (kind === 'object') this.name(node);
      return null;
    }
    if (mark === '"') {
      const content = this.string();
      return this.scalar('string', start, `s${content}`);
    }
    NUMBER.lastIndex = this.at;
    const number = NUMBER.exec(this.text);
    if (number !== null) {
      this.at = NUMBER.lastIndex;
      return this.scalar('number', start, numberKey(number));
    }
    for (const word of LITERALS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return this.scalar('literal', start, word);
      }
    }
    return this.fail(mark === '' ? 'The text ends too early.' : 'This is no JSON value.');
  }

  scalar(kind, start, key) {
    return {kind, text: this.text, start, end: this.at, id: this.values.id(key)};
  }

  put(outer, node) {
    if (outer.kind === 'array') {
      outer.items.push(node);
      return;
    }
    const {name, token} = outer.pending;
    const before = outer.members.get(name);
    outer.members.set(name, {token: before ? before.token : token, node});
  }

  close(open) {
    const node = open.pop();
    node.end = this.at;
    delete node.pending;
    if (node.kind === 'array') {
      node.id = this.values.id(`[${node.items.map((item) => item.id).join(',')}`);
    } else {
      const pairs = [...node.members].map(([name, member]) => `${this.values.id(`n${name}`)}:${member.node.id}`);
      node.id = this.values.id(`{${pairs.sort().join(',')}`);
    }
    return node;
  }

  // The name of the member to come, and its colon.
  name(node) {
    if (this.peek() !== '"') this.fail('The name of a member is missing.');
    const start = this.at;
    const name = this.string();
    node.pending = {name, token: this.text.slice(start, this.at)};
    if (this.peek() !== ':') this.fail('A colon is missing.');
    this.at += 1;
  }

  // The content of a string.
  string() {
    const start = this.at;
    const text = this.text;
    let plain = true;
    for (let at = start + 1; ; at += 1) {
      const code = text.charCodeAt(at);
      if (code === 0x22) {
        this.at = at + 1;
        return plain ? text.slice(start + 1, at) : this.unescaped(start);
      }
      if (code === 0x5c) {
        plain = false;
        at += 1;
      } else if (!(code >= 0x20)) {
        this.at = at;
        this.fail(Number.isNaN(code) ? 'A string does not end.' : 'A string holds a control character.');
      }
    }
  }

  unescaped(start) {
    try {
      return JSON.parse(this.text.slice(start, this.at));
    } catch {
      this.at = start;
      return this.fail('A string has an escape that JSON does not know.');
    }
  }

  // The next character that is no space, which stays to be read; "" at the end.
  peek() {
    const text = this.text;
    let at = this.at;
    for (; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break;
    }
    this.at = at;
    return at < text.length ? text[at] : '';
  }

  fail(message) {
    throw new JsonTextError(message, this.at);
  }
}

// Integers by their digits, others by the value of a double; both kinds apart, as in Erlang and Python.
function numberKey([token, fraction, exponent]) {
  if (fraction === undefined && exponent === undefined) return `i${token === '-0' ? '0' : token}`;
  const value = Number(token);
  if (!Number.isFinite(value)) return `f${token}`;
  return Object.is(value, -0) ? 'f-0' : `f${value}`;
}

// The text that a node stands for, as it is.
export function sliceOf(node) {
  return node.text.slice(node.start, node.end);
}

// A JSON Pointer (RFC 6901) with one more name or index behind it.
export function pointerTo(outer, name) {
  return `${outer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
