// Map and reduce: the value is a function of the kit of sandbox.js, a source and its surroundings.
// Follows share/server/views.js of CouchDB.
(function (kit, source, lib, frozen) {
  "use strict";
  const {parse, stringify} = kit;
  const nothing = () => undefined;

  kit.provide({
    emit: kit.emitRow, sum: kit.sum, log: kit.note, toJSON: JSON.stringify, provides: nothing, registerType: nothing,
    start: nothing, send: nothing, getRow: () => null, isArray: kit.isArray,
  });
  if (lib !== null) kit.provide({require: kit.makeRequire({views: {lib: parse(lib)}})});
  const fun = kit.compile(source);

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
    kit.takeRows();
    try { fun(doc); }
    catch (e) { viewError(e, doc); kit.takeRows(); return ""; }
    const rows = kit.takeRows();
    let size = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      rows[i] = (stringify(row[0]) || "null") + "\t" + (stringify(row[1]) || "null");
      size += rows[i].length + 1;
      if (size > kit.limits.result) throw kit.exhausted("result");
    }
    return rows.join("\n");
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
