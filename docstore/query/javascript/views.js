// Map and reduce: the value is a function of the kit of sandbox.js, a source and its surroundings.
// Follows share/server/views.js of CouchDB.
(function (kit, source, lib, frozen) {
  "use strict";
  const {parse, stringify, told} = kit;
  const nothing = () => undefined;

  let rows = [];
  function emit(key, value) { rows[rows.length] = [key, typeof value === "object" ? told(value) : value]; }

  kit.provide({
    emit, sum: kit.sum, log: kit.note, toJSON: JSON.stringify, provides: nothing, registerType: nothing,
    start: nothing, send: nothing, getRow: () => null, isArray: kit.isArray,
  });
  if (lib !== null) kit.provide({require: kit.makeRequire({views: {lib: parse(lib)}})});
  const fun = kit.compile(source);

  // As JSON.stringify does it, which takes longer for a number.
  function printed(value) {
    if (typeof value === "number") return value - value === 0 ? "" + value : "null";
    return stringify(value) || "null";
  }

  // What the function throws skips the document, unless it says that it is fatal.
  function viewError(e, doc) {
    const known = kit.resourceFailure(e);
    if (known) throw known;
    if (e === "fatal_error") throw new kit.Failure("map_runtime_error", "function raised 'fatal_error'");
    if (kit.isRealArray(e) && e[0] === "fatal") throw e;
    kit.note("function raised exception " + kit.described(e) + (doc ? " with doc._id " + doc._id : ""));
  }

  // The rows of one document, `key TAB value` a line: JSON text has neither tabs nor line ends of its own.
  function mapOne(doc) {
    if (frozen) kit.deepFreeze(doc);
    rows = [];
    try { fun(doc); }
    catch (e) { viewError(e, doc); return ""; }
    const found = rows;
    rows = [];
    if (found.length === 0) return "";
    let lines = "";
    for (let i = 0; i < found.length; i++) {
      const row = found[i];
      lines += (i ? "\n" : "") + printed(row[0]) + "\t" + printed(row[1]);
      if (lines.length > kit.limits.result) throw kit.exhausted("result");
    }
    return lines;
  }

  function reduce(keys, values, rereduce) {
    return kit.once(() => {
      let reduction;
      try { reduction = fun(keys === null ? null : parse(keys), parse(values), rereduce); }
      catch (e) { viewError(e, null); reduction = null; }
      return stringify(reduction) || "null";
    });
  }

  return kit.calls({start: items => kit.start(items, mapOne), go: kit.go, taken: kit.taken, reduce});
})
