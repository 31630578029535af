// PouchDB's HTTP adapter against a running docstore: CRUD, bulk, conflicts, live changes.
// Usage: node pouchdb_remote.js URL. Prints one JSON line; a failed assertion ends with a non-zero status.
const assert = require("node:assert/strict");
const PouchDB = require("pouchdb-node");

const url = process.argv[2];

async function crud(db) {
  const created = await db.put({ _id: "a/b+c é%", n: 1 });
  assert.match(created.rev, /^1-[0-9a-f]{32}$/);
  const read = await db.get("a/b+c é%");
  assert.equal(read.n, 1);
  const updated = await db.put({ ...read, n: 2 });
  await assert.rejects(db.put({ ...read, n: 3 }), (error) => error.status === 409 && error.name === "conflict");
  await db.remove("a/b+c é%", updated.rev);
  await assert.rejects(db.get("a/b+c é%"), (error) => error.status === 404 && error.reason === "deleted");
  const posted = await db.post({ made: "by post" });
  assert.equal((await db.get(posted.id)).made, "by post");
}

async function bulk(db) {
  const docs = Array.from({ length: 250 }, (_, n) => ({ _id: `bulk-${String(n).padStart(4, "0")}`, n }));
  const rows = await db.bulkDocs(docs);
  assert.ok(rows.every((row) => row.ok));
  const again = await db.bulkDocs(docs);
  assert.ok(again.every((row) => row.status === 409));
  const page = await db.allDocs({ startkey: "bulk-0100", endkey: "bulk-0149", include_docs: true });
  assert.equal(page.rows.length, 50);
  assert.equal(page.rows[0].doc.n, 100);
  const keyed = await db.allDocs({ keys: ["bulk-0001", "nothing"] });
  assert.equal(keyed.rows[1].error, "not_found");
  const got = await db.bulkGet({ docs: [{ id: "bulk-0007" }, { id: "nothing" }] });
  assert.equal(got.results[0].docs[0].ok.n, 7);
  assert.ok(got.results[1].docs[0].error);
}

async function conflicts(db) {
  const branch = (hash, by) => ({
    _id: "c", _rev: `2-${hash}`, by, _revisions: { start: 2, ids: [hash, "a".repeat(32)] },
  });
  await db.bulkDocs([branch("b".repeat(32), "left"), branch("c".repeat(32), "right")], { new_edits: false });
  const winner = await db.get("c", { conflicts: true, revs: true });
  assert.equal(winner.by, "right");
  assert.deepEqual(winner._conflicts, [`2-${"b".repeat(32)}`]);
  const open = await db.get("c", { open_revs: "all" });
  assert.deepEqual(open.map((row) => row.ok.by).sort(), ["left", "right"]);
  await db.remove("c", winner._conflicts[0]);
  assert.equal((await db.get("c", { conflicts: true }))._conflicts, undefined);
}

async function liveChanges(db) {
  const seen = new Set();
  const wanted = ["live-1", "live-2", "live-3"];
  await new Promise((resolve, reject) => {
    const feed = db.changes({ since: "now", live: true, include_docs: true })
      .on("change", (change) => {
        seen.add(`${change.id}:${change.doc.step}`);
        if (wanted.every((id) => seen.has(`${id}:${id}`))) feed.cancel();
      })
      .on("complete", resolve)
      .on("error", reject);
    (async () => {
      for (const id of wanted) await db.put({ _id: id, step: id });
    })().catch(reject);
  });
}

async function main() {
  const db = new PouchDB(url);
  await crud(db);
  await bulk(db);
  await conflicts(db);
  await liveChanges(db);
  const info = await db.info();
  console.log(JSON.stringify({ docs: info.doc_count }));
  await db.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
