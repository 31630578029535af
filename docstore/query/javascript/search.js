// Functions of search indexes: the value is a function of the kit of sandbox.js, a source and whether documents are frozen.
// Follows share/server/dreyfus.js of CouchDB.
(function (kit, source, frozen) {
  "use strict";
  const {stringify} = kit;
  const nothing = () => undefined;

  let fields = [];

  function refused(name, message) { return {name, message, toString: () => name + ": " + message}; }

  function index(name, value, options) {
    if (typeof name !== "string") throw refused("TypeError", "name must be a string not " + typeof name);
    if (name[0] === "_") throw refused("ReservedName", "name must not start with an underscore");
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      throw refused("TypeError", "value must be a string, a number or boolean not " + typeof value);
    if (options && typeof options !== "object")
      throw refused("TypeError", "options must be an object not " + typeof options);
    fields[fields.length] = [name, value, options || {}];
  }

  kit.provide({
    index, emit: nothing, sum: kit.sum, log: kit.note, toJSON: JSON.stringify, provides: nothing, registerType: nothing,
    start: nothing, send: nothing, getRow: () => null, isArray: kit.isArray,
  });
  const fun = kit.compile(source);

  // What the function throws skips the document, unless it says that it is fatal.
  function indexError(e, doc) {
    const known = kit.resourceFailure(e);
    if (known) throw known;
    if (e === "fatal_error") throw new kit.Failure("map_runtime_error", "function raised 'fatal_error'");
    if (kit.isRealArray(e) && e[0] === "fatal") throw e;
    kit.note("function raised exception " + kit.described(e) + " with doc._id " + doc._id);
  }

  // The fields of one document as JSON, nothing where there are none.
  function indexOne(doc) {
    if (frozen) kit.deepFreeze(doc);
    fields = [];
    try { fun(doc); }
    catch (e) { indexError(e, doc); return ""; }
    const found = fields;
    fields = [];
    return found.length ? stringify(found) : "";
  }

  return kit.calls({start: items => kit.start(items, indexOne), go: kit.go, taken: kit.taken});
})
