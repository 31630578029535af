// Attachments in a two-way sync between a local PouchDB and docstore, through edits, conflicts and deletions.
// Usage: node pouchdb_attachments.js URL FOLDER. Prints one JSON line.
const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const path = require("node:path");
const PouchDB = require("pouchdb-node");

const [url, folder] = process.argv.slice(2);
const noise = Buffer.alloc(700_001).map((_, n) => (n * 31 + (n >> 8)) & 255);

// Without revpos: PouchDB counts what it pulls as new in the revision it pulls.
async function shown(db, id, options = {}) {
  const doc = await db.get(id, { attachments: true, binary: true, ...options });
  const attachments = Object.entries(doc._attachments || {});
  return Object.fromEntries(attachments.map(([name, one]) => [name, [one.content_type, sha256(one.data)]]));
}

function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}

async function main() {
  const local = new PouchDB(path.join(folder, "attachments"));
  const remote = new PouchDB(url);
  const put = (db, id, name, rev, data, type) => db.putAttachment(id, name, rev, data, type);

  // Each side makes documents of its own; after a sync both have both.
  const here = await put(local, "here", "a/b c.txt", undefined, Buffer.from("hello"), "text/plain");
  await put(local, "here", "noise", here.rev, noise, "image/x");
  const there = await put(remote, "there", "noise", undefined, noise, "image/x");
  await put(remote, "there", "empty.txt", there.rev, Buffer.alloc(0), "text/plain");
  await remote.put({ _id: "_design/d", _attachments: { f: { content_type: "text/css", data: Buffer.from("p {}") } } });
  await local.sync(remote);
  for (const id of ["here", "there", "_design/d"]) assert.deepEqual(await shown(local, id), await shown(remote, id));
  assert.equal(Object.keys(await shown(remote, "here")).length, 2);
  assert.ok((await local.getAttachment("there", "noise")).equals(noise));
  assert.ok((await remote.getAttachment("here", "noise")).equals(noise));

  // An edit that keeps a stub, one that drops it, and different attachments in conflict.
  const doc = await local.get("here");
  delete doc._attachments["a/b c.txt"];
  await local.put({ ...doc, edited: true });
  const conflicted = await local.get("there");
  await local.removeAttachment("there", "empty.txt", conflicted._rev);
  await put(remote, "there", "more", conflicted._rev, Buffer.from("more"), "image/x");
  await local.sync(remote);
  assert.deepEqual(Object.keys(await shown(remote, "here")), ["noise"]);
  const both = await Promise.all([local, remote].map((db) => db.get("there", { conflicts: true })));
  assert.equal(both[0]._rev, both[1]._rev);
  assert.deepEqual(both[0]._conflicts, both[1]._conflicts);
  for (const rev of [both[0]._rev, both[0]._conflicts[0]]) {
    assert.deepEqual(await shown(local, "there", { rev }), await shown(remote, "there", { rev }));
  }

  // A third database, filled from docstore alone.
  const other = new PouchDB(path.join(folder, "other"));
  await other.replicate.from(remote);
  for (const id of ["here", "there"]) assert.deepEqual(await shown(other, id), await shown(local, id));

  console.log(JSON.stringify({ ok: true }));
  for (const db of [local, other, remote]) await db.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
