// The functions of design documents that are no views: the value is a function of the kit of sandbox.js, the source of
// one function, what it is (`filters`, ...) and its design document.
// Follows share/server/{validate,filter,render,mimeparse}.js of CouchDB.
(function (kit, kind, source, design) {
  "use strict";
  const {parse, stringify, Failure} = kit;
  const keys = Object.keys, define = Object.defineProperty;
  const LARGE = 1024;
  const ddoc = parse(design);

  // --- Media types ----------------------------------------------------------------------------------------------------

  const mimesByKey = {}, keysByMime = {};

  function registerType(key, ...mimes) {
    mimesByKey[key] = mimes;
    for (const mime of mimes) keysByMime[mime] = key;
  }

  for (const [key, ...mimes] of [
    ["all", "*/*"], ["text", "text/plain; charset=utf-8", "txt"], ["html", "text/html; charset=utf-8"],
    ["xhtml", "application/xhtml+xml", "xhtml"], ["xml", "application/xml", "text/xml", "application/x-xml"],
    ["js", "text/javascript", "application/javascript", "application/x-javascript"], ["css", "text/css"],
    ["ics", "text/calendar"], ["csv", "text/csv"], ["rss", "application/rss+xml"], ["atom", "application/atom+xml"],
    ["yaml", "application/x-yaml", "text/yaml"], ["multipart_form", "multipart/form-data"],
    ["url_encoded_form", "application/x-www-form-urlencoded"], ["json", "application/json", "text/x-json"],
  ]) registerType(key, ...mimes);

  // A media type or range: what stands before the slash, behind it, and the parameters.
  function mediaType(text) {
    const [full, ...rest] = text.split(";");
    const parameters = {};
    for (const part of rest) {
      const pair = part.split("=");
      if (pair.length === 2) parameters[pair[0].trim()] = pair[1].trim();
    }
    const [type, subtype] = (full.trim() === "*" ? "*/*" : full.trim()).split("/");
    return {type, subtype, parameters};
  }

  // How well a type fits a range: -1 for not at all.
  function fitness(mime, range) {
    const match = (one, other) => one === other || one === "*" || other === "*";
    if (!match(range.type, mime.type) || !match(range.subtype, mime.subtype)) return -1;
    let found = (range.type === mime.type ? 100 : 0) + (range.subtype === mime.subtype ? 10 : 0);
    for (const name in mime.parameters)
      if (name !== "q" && range.parameters[name] === mime.parameters[name]) found += 1;
    return found;
  }

  function quality(range) {
    const q = Number.parseFloat(range.parameters.q);
    return q >= 0 && q <= 1 ? q : 1;
  }

  // Of the supported types the one that the header likes best; of equals the last.
  function bestMatch(supported, header) {
    const ranges = header.split(",").map(mediaType);
    let best = {fit: -1, quality: 0, mime: ""};
    for (const text of supported) {
      const mime = mediaType(text);
      let found = {fit: -1, quality: 0, mime: text};
      for (const range of ranges) {
        const fit = fitness(mime, range);
        if (fit > found.fit) found = {fit, quality: quality(range), mime: text};
      }
      if (found.fit > best.fit || (found.fit === best.fit && found.quality >= best.quality)) best = found;
    }
    return best.quality ? best.mime : "";
  }

  let providers = [], providedType = null;

  function provides(key, fun) { providers.push([key, fun]); }

  function runProvides(req) {
    const accept = req.headers && req.headers.Accept;
    let key = null, asked = providers;
    if (req.query && req.query.format) {
      key = req.query.format;
      providedType = mimesByKey[key] && mimesByKey[key][0];
    } else if (accept) {
      asked = providers.slice().reverse();  // the last one of a key counts, and the last is named first
      providedType = bestMatch(asked.flatMap(([each]) => mimesByKey[each] || []), accept);
      key = keysByMime[providedType];
    } else {
      key = providers[0][0];
      providedType = mimesByKey[key] && mimesByKey[key][0];
    }
    const found = asked.find(([each]) => each === key);
    if (!found) {
      const types = asked.map(([each]) => (mimesByKey[each] || []).join(", ") || each);
      throw ["error", "not_acceptable",
             "Content-Type " + (accept || key) + " not supported, try one of: " + types.join(", ")];
    }
    return found[1].call(ddoc);
  }

  // --- Replies --------------------------------------------------------------------------------------------------------

  let chunks = [], startResponse = {}, starts = false, size = 0, rowSize = 0;

  function start(response) { startResponse = response || {}; starts = true; }

  function send(chunk) {
    const piece = kit.text(chunk.toString());
    rowSize += piece.length;
    if (rowSize > kit.limits.result) throw kit.exhausted("result");
    size += piece.length;
    chunks[chunks.length] = piece;
  }

  function reset() {
    chunks = []; startResponse = {}; starts = false; size = 0; rowSize = 0;
    providers = []; providedType = null;
  }

  function withType(response) {
    response.headers = response.headers || {};
    if (providedType) response.headers["Content-Type"] = response.headers["Content-Type"] || providedType;
    return response;
  }

  function wrapped(response) { return typeof response === "string" ? {body: response} : response; }

  function isReply(response) {
    return typeof response === "string"
      || (response !== null && typeof response === "object" && !(response instanceof Array));
  }

  function renderFailure(e, word) {
    const known = kit.resourceFailure(e) || kit.namedFailure(e);
    if (known) return known;
    if (e !== null && typeof e === "object" && e.error && e.reason) return new Failure(e.error, e.reason);
    const stack = e === null || e === undefined ? undefined : e.stack;
    const message = "function raised error: " + kit.described(e) + " \nstacktrace: " + stack;
    kit.note(message);
    return new Failure(word || "render_error", message);
  }

  function answered(answer) {
    return kit.once(() => {
      const text = stringify(answer());
      return text;
    });
  }

  function show(docText, reqText) {
    return answered(() => {
      const doc = parse(docText), req = parse(reqText);
      try {
        reset();
        let response = wrapped(fun.call(ddoc, doc, req) || {});
        if (chunks.length) {
          response.headers = Object.assign(response.headers || {}, startResponse.headers || startResponse);
          response.body = chunks.join("") + (response.body || "");
          chunks = []; startResponse = {};
        }
        if (providers.length) {
          const provided = wrapped(runProvides(req) || {});
          response.body = (response.body || "") + chunks.join("") + (provided.body || "");
          response = withType(response);
        }
        if (!isReply(response)) throw ["error", "render_error", "undefined response from show function"];
        return ["resp", response];
      } catch (e) {
        const resource = kit.resourceFailure(e);
        if (resource) throw resource;
        if (doc === null && req.path.length > 5) throw ["error", "not_found", "document not found"];
        throw renderFailure(e);
      }
    });
  }

  function update(docText, reqText) {
    return answered(() => {
      const doc = parse(docText), req = parse(reqText);
      try {
        if (req.method === "GET")
          throw ["error", "method_not_allowed", "Update functions do not allow GET"];
        const result = fun.call(ddoc, doc, req);
        const response = result[1];
        if (!isReply(response)) throw ["error", "render_error", "undefined response from update function"];
        return ["up", result[0], wrapped(response)];
      } catch (e) { throw renderFailure(e); }
    });
  }

  function rewrite(reqText) {
    return answered(() => {
      const req = parse(reqText);
      let result;
      try { result = fun.call(ddoc, req); }
      catch (e) { throw renderFailure(e, "rewrite_error"); }
      if (!result) return ["no_dispatch_rule"];
      return ["ok", typeof result === "string" ? {path: result, method: req.method} : result];
    });
  }

  // --- Lists ----------------------------------------------------------------------------------------------------------

  // The function asks for rows in the middle of its work, and Python gives it some at a time. With each exchange goes what
  // was sent since the last one; what is sent before the first row is asked for may still name headers.
  const TURN_MS = 200, PORTION = 256 * 1024;
  let listing = false, began = false, over = false, last = false, rows = [], nextRow = 0, since = 0;

  function told(wants) {
    if (!began) { began = true; starts = true; startResponse = withType(startResponse || {}); }
    const text = stringify([wants, starts ? startResponse : null, chunks.join("")]);
    chunks = []; size = 0; starts = false; startResponse = {};
    return text;
  }

  function exchange(wants) {
    const given = kit.exchange(kit.takeLog() + "\x1d" + told(wants));
    since = kit.now();
    if (wants !== "rows") return;
    last = given[0] === "1";
    rows = parse(given.slice(1)); nextRow = 0;
  }

  function getRow() {
    if (!listing || over) return null;
    rowSize = 0;
    const waits = size > PORTION || kit.now() - since > TURN_MS;
    if (waits && nextRow < rows.length) exchange("turn");
    while (nextRow >= rows.length && !last) exchange("rows");
    if (nextRow >= rows.length) { over = true; return null; }
    const row = rows[nextRow];
    rows[nextRow++] = undefined;
    return row;
  }

  function runList(head, req) {
    try {
      reset();
      listing = true; since = kit.now();
      let tail = fun.call(ddoc, head, req);
      if (providers.length) tail = runProvides(req);
      if (!began) getRow();
      if (tail !== undefined) send(tail === null ? "null" : tail);
      return told("end");
    } catch (e) { throw renderFailure(e); }
  }

  function list(headText, reqText) {
    let answer;
    try { answer = runList(parse(headText), parse(reqText)); }
    catch (e) { answer = kit.failureText(kit.uncaught(e)); }
    return kit.takeLog() + "\x1d" + answer;
  }

  // --- Over many documents --------------------------------------------------------------------------------------------

  let userContext = "null", security = "null", request = null;

  function validateOne([doc, before]) {
    try { fun.call(ddoc, doc, before, parse(userContext), parse(security)); }
    catch (e) {
      const resource = kit.resourceFailure(e);
      if (resource) throw resource;
      if (e !== null && typeof e === "object" && e.name && e.stack) {
        const failure = kit.uncaught(e);
        return stringify({failed: [failure.error, failure.reason]});
      }
      if (e === null || e === undefined) return stringify({failed: ["TypeError", "The function throws " + e + "."]});
      const named = kit.namedFailure(e);
      if (named) return stringify({failed: [named.error, named.reason]});
      if (e === true || e === 1) return "1";
      try { return stringify({thrown: e}) || "1"; }
      catch (broken) { return stringify({failed: ["unknown_error", kit.described(broken)]}); }
    }
    return "1";
  }

  function filterOne(doc) { return fun.call(ddoc, doc, request()) ? "1" : "0"; }

  // Each document has a request of its own, which its function may change. What is large in it, such as the security
  // object or a body, is made when somebody looks: it may be larger than all the documents.
  function requests(text) {
    const whole = parse(text), names = keys(whole), large = [];
    for (let i = 0; i < names.length; i++) {
      const told = stringify(whole[names[i]]);
      if (told.length < LARGE) continue;
      large[large.length] = [names[i], told];
      whole[names[i]] = null;
    }
    const small = stringify(whole);
    return () => {
      const one = parse(small);
      for (let i = 0; i < large.length; i++) putLater(one, large[i][0], large[i][1]);
      return one;
    };
  }

  function putLater(object, name, told) {
    const put = value => define(object, name, {value, writable: true, enumerable: true, configurable: true});
    const look = () => { const value = parse(told); put(value); return value; };
    define(object, name, {get: look, set: put, enumerable: true, configurable: true});
  }

  function viewOne(doc) {
    kit.takeMark();
    fun(doc);
    return kit.takeMark() ? "1" : "0";
  }

  kit.provide({
    emit: kind === "views" ? kit.emitMark : () => undefined, sum: kit.sum, log: kit.note, toJSON: JSON.stringify,
    provides, registerType, start, send, getRow, isArray: kit.isArray, require: kit.makeRequire(ddoc),
  });
  const fun = kit.compile(source);

  return kit.calls({
    validate(items, user, secObj) { userContext = user; security = secObj; kit.start(items, validateOne); return ""; },
    filter(items, req) {
      request = kind === "views" ? null : requests(req);
      kit.start(items, kind === "views" ? viewOne : filterOne);
      return "";
    },
    go: kit.go, taken: kit.taken, show, update, rewrite, list,
    ready: () => "",
  });
})
