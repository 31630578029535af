// What a function of a design document finds around it, and the calls that go through it.
//
// This is the value of a function expression: it is called once in a new context, with the limits, and answers with a
// function that takes a script, which makes the calls that Python makes. From then on the context is the function's own: whatever it does to its globals is seen by
// nobody else. Names and meanings follow share/server of CouchDB.
(function (limits) {
  "use strict";

  // What is used here is taken before a function can put something else in its place.
  const world = globalThis;
  const parse = JSON.parse, stringify = JSON.stringify, freeze = Object.freeze, isFrozen = Object.isFrozen;
  const ownKeys = Reflect.ownKeys, evaluate = world.eval, RealInternalError = InternalError;
  const RealRangeError = RangeError, RealSyntaxError = SyntaxError, text = String, isRealArray = Array.isArray;
  const join = Array.prototype.join;  // what Python cannot take is a text that is still in pieces
  const exchange = world.exchange;  // of a list function: gives Python a text, and gets one

  // What CouchDB's sandbox has of the language. Everything else would work here and nowhere else.
  const KEPT = new Set(("Object Function Error EvalError RangeError ReferenceError SyntaxError TypeError URIError " +
    "InternalError AggregateError Array parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI " +
    "encodeURIComponent escape unescape Infinity NaN undefined Number Boolean String Math Reflect Symbol eval " +
    "globalThis BigInt JSON RegExp Map Set WeakMap WeakSet Date").split(" "));
  for (const name of ownKeys(world)) if (!KEPT.has(name)) delete world[name];

  // --- Errors ---------------------------------------------------------------------------------------------------------

  const TOO_DEEP = "Maximum call stack size exceeded";

  // What ends a call goes to Python in this form.
  class Failure {
    constructor(error, reason) { this.error = error; this.reason = reason; }
  }

  function exhausted(what) { return new Failure("os_process_error", what); }

  // Where there is no memory for its error the engine throws null. So null is that, unless the source throws what could be.
  const THROWS_ANYTHING = /\bthrow\b(?!\s*\(?\s*(?:new\b|[{['"`]))/;
  let throwsAnything = false;

  function looksAt(source) { throwsAnything = throwsAnything || THROWS_ANYTHING.test(source); }

  function resourceFailure(e) {
    if (e instanceof Failure) return e;
    if (e === null && !throwsAnything) return exhausted("memory");
    if (e instanceof RealInternalError) return exhausted(e.message === "out of memory" ? "memory" : text(e.message));
    if (e instanceof RealRangeError && e.message === TOO_DEEP) return exhausted("stack");
    return null;
  }

  // ["error", word, reason] and ["fatal", word, reason], which CouchDB passes on as they are.
  function namedFailure(e) {
    if (isRealArray(e) && (e[0] === "error" || e[0] === "fatal")) return new Failure(e[1], e[2]);
    return null;
  }

  function described(e) {
    try { return text(e); } catch (_) { return "something that is no text"; }
  }

  // What CouchDB's dispatcher makes of what nobody has caught.
  function uncaught(e) {
    const known = resourceFailure(e) || namedFailure(e);
    if (known) return known;
    if (e !== null && typeof e === "object") {
      if (e.error && e.reason) return new Failure(e.error, e.reason);
      if (e.name) return new Failure(e.name, e.message === undefined ? described(e) : e.message);
    }
    if (e === null || e === undefined) return new Failure("TypeError", "The function throws " + text(e) + ".");
    return new Failure("unnamed_error", described(e));
  }

  function failureText(failure) {
    try { return "!" + stringify([failure.error, failure.reason]); }
    catch (_) { return "!" + stringify([described(failure.error), described(failure.reason)]); }
  }

  // --- What the function may call -------------------------------------------------------------------------------------

  let log = [], logSize = 0;

  function told(value) {
    if (value !== null && typeof value === "object" && "stack" in value && "name" in value && "message" in value)
      return {error: value.name, message: value.message};
    return value;
  }

  function note(message) {
    if (logSize > limits.log) return;
    let line;
    try { line = typeof message === "string" ? message : text(stringify(told(message))); }
    catch (e) { line = described(message); }
    line = line.slice(0, limits.log);
    logSize += line.length + 1;
    log[log.length] = line;
  }

  function takeLog() {
    const lines = stringify(log);
    log = []; logSize = 0;
    return lines;
  }

  let rows = [], emitted = false;

  function emitRow(key, value) { rows[rows.length] = [key, told(value)]; }
  function emitMark() { emitted = true; }

  function sum(values) {
    let total = 0;
    for (const i in values) total += values[i];
    return total;
  }

  function isArray(value) { return Object.prototype.toString.call(value) === "[object Array]"; }

  function provide(names) {
    for (const name of ownKeys(names))
      Object.defineProperty(world, name, {value: names[name], writable: true, enumerable: true, configurable: true});
  }

  // --- Functions and modules ------------------------------------------------------------------------------------------

  const ANONYMOUS = /((?:async\s+)?function\s*\*?\s*)$/;
  const MAX_REPAIRS = 50;

  // A script whose statements may be functions without a name, as they may in CouchDB: each becomes an expression.
  function evaluateScript(source) {
    for (let repairs = 0; ; repairs++) {
      try { return evaluate(source); }
      catch (e) {
        const place = e instanceof RealSyntaxError && e.message === "function name expected" && repairs < MAX_REPAIRS
          ? /:(\d+):(\d+)/.exec(e.stack) : null;
        const repaired = place && asExpression(source, Number(place[1]), Number(place[2]));
        if (!repaired) throw e;
        source = repaired;
      }
    }
  }

  function asExpression(source, line, column) {
    const lines = source.split("\n");
    let start = 0;
    for (let i = 0; i < line - 1; i++) start += lines[i].length + 1;
    const found = ANONYMOUS.exec(source.slice(0, start + unitsOf(lines[line - 1], column - 1)));
    return found && source.slice(0, found.index) + "0," + source.slice(found.index);
  }

  // How many units of a text are so many bytes of UTF-8, in which the engine counts columns.
  function unitsOf(line, bytes) {
    let units = 0;
    for (const character of line) {
      const code = character.codePointAt(0);
      bytes -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (bytes < 0) break;
      units += character.length;
    }
    return units;
  }

  function compile(source) {
    if (!source) throw new Failure("not_found", "missing function");
    looksAt(source);
    let found;
    try { found = evaluateScript(source); }
    catch (e) {
      throw resourceFailure(e) || new Failure("compilation_error", described(e) + " (" + source + ")");
    }
    if (typeof found !== "function")
      throw new Failure("compilation_error", "Expression does not eval to a function. (" + source + ")");
    return found;
  }

  function badPath(reason) { return ["error", "invalid_require_path", reason]; }

  // The place of a module: what is there, the place above it, its path.
  function resolve(names, place) {
    for (const name of names) {
      if (name === "..") {
        if (!(place.parent && place.parent.parent)) throw badPath("Object has no parent " + stringify(place.current));
        const id = place.id.slice(0, place.id.lastIndexOf("/"));
        place = {current: place.parent.current, parent: place.parent.parent, id};
      } else if (name === ".") {
        if (!place.parent) throw badPath("Object has no parent " + stringify(place.current));
      } else {
        if (place.current === null || place.current[name] === undefined)
          throw badPath("Object has no property \"" + name + "\". " + stringify(place.current));
        place = {current: place.current[name], parent: place, id: place.id ? place.id + "/" + name : name};
      }
    }
    return place;
  }

  function makeRequire(root) {
    const cache = new Map();
    function requireFrom(name, from) {
      const names = name.split("/"), relative = names[0] === "." || names[0] === "..";
      const place = resolve(names, relative && from ? from.parent : {current: root});
      if (typeof place.current !== "string")
        throw ["error", "invalid_require_path", "Must require a JavaScript string, not: " + typeof place.current];
      if (cache.has(place.id)) return cache.get(place.id).exports;
      const module = {id: place.id, current: place.current, parent: place.parent, exports: {}};
      cache.set(place.id, module);
      looksAt(place.current);
      try {
        const body = evaluate("(function (module, exports, require) { " + place.current + "\n })");
        body.call(world, module, module.exports, other => requireFrom(text(other), place));
      } catch (e) {
        cache.delete(place.id);
        throw resourceFailure(e) || ["error", "compilation_error",
                                     "Module require('" + name + "') raised error " + described(e)];
      }
      return module.exports;
    }
    return name => requireFrom(text(name), null);
  }

  function deepFreeze(value) {
    if (isFrozen(value)) return;
    freeze(value);
    for (const name in value) {
      const member = value[name];
      if (member !== null && typeof member === "object") deepFreeze(member);
    }
  }

  // --- Calls over many items ------------------------------------------------------------------------------------------

  // `start` takes the items, `go` handles some of them and says whether all are done. When the time is over in the
  // middle of an item, `taken` has what was done, and `go` tries that item again.
  let items = [], at = 0, done = [], doneSize = 0, each = null, since = 0;
  const now = Date.now;

  function start(itemsText, handler) {
    items = parse(itemsText); at = 0; done = []; doneSize = 0; each = handler;
  }

  function go() {
    try {
      while (at < items.length && doneSize < limits.portion) {
        since = now();
        const answer = each(items[at]);
        if (answer.length > limits.result) throw exhausted("result");
        items[at] = undefined;
        at += 1;
        doneSize += answer.length;
        done[done.length] = answer;
      }
    } catch (e) { return failureText(uncaught(e)); }
    return taken();
  }

  function taken() {
    const answers = done.join("\x1e"), count = done.length;
    done = []; doneSize = 0;
    return count + "\x1d" + (at < items.length ? "" : "1") + "\x1d" + (now() - since) + "\x1d" + takeLog() + "\x1d" + answers;
  }

  // One call, one answer.
  function once(call) {
    let answer;
    try {
      answer = call();
      if (answer.length > limits.result) throw exhausted("result");
    } catch (e) { answer = failureText(uncaught(e)); }
    return takeLog() + "\x1d" + answer;
  }

  const kit = {
    limits, parse, stringify, text, world, Failure, described, told, note, provide, compile, makeRequire, deepFreeze,
    evaluate, resourceFailure, namedFailure, uncaught, exhausted, sum, isArray, emitRow, emitMark, isRealArray,
    start, go, taken, once, takeLog, failureText, now,
    exchange: told => exchange(join.call([told], "")),
    takeRows() { const taken = rows; rows = []; return taken; },
    takeMark() { const taken = emitted; emitted = false; return taken; },
  };
  // Python calls one function, by the name of the call.
  kit.calls = table => (name, ...values) => join.call([table[name](...values)], "");
  // The calls of a script, or the text of the error that it ended with.
  return (script, ...values) => {
    try { return script(kit, ...values); }
    catch (e) { return join.call([failureText(uncaught(e))], ""); }
  };
})
