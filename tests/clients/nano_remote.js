// nano (Apache's CouchDB client for Node.js) against a running docstore.
// Usage: node nano_remote.js URL DATABASE. Prints one JSON line.
const assert = require("node:assert/strict");
const Nano = require("nano");

const [url, name] = process.argv.slice(2);

async function main() {
  const nano = Nano(url);
  assert.equal((await nano.info()).couchdb, "Welcome");
  await nano.db.create(name);
  await assert.rejects(nano.db.create(name), (error) => error.statusCode === 412 && error.error === "file_exists");
  assert.ok((await nano.db.list()).includes(name));
  const db = nano.use(name);

  const first = await db.insert({ title: "Panel" }, "a/b");
  const second = await db.insert({ _rev: first.rev, title: "Panel 2" }, "a/b");
  await assert.rejects(db.insert({ _rev: first.rev }, "a/b"), (error) => error.statusCode === 409);
  assert.equal((await db.get("a/b", { revs_info: true }))._revs_info.length, 2);
  assert.equal((await db.head("a/b")).etag, `"${second.rev}"`);
  await db.destroy("a/b", second.rev);
  await assert.rejects(db.get("a/b"), (error) => error.statusCode === 404);

  const rows = await db.bulk({ docs: Array.from({ length: 120 }, (_, n) => ({ _id: `n${1000 + n}`, n })) });
  assert.ok(rows.every((row) => row.ok));
  assert.equal((await db.list({ limit: 10, include_docs: true })).rows.length, 10);
  assert.equal((await db.fetch({ keys: ["n1000", "n1001"] })).rows[1].doc.n, 1);
  await db.bulk({ docs: [{ _id: "n1000", _rev: rows[0].rev, _deleted: true }] });
  const info = await db.info();
  assert.deepEqual([info.doc_count, info.doc_del_count], [119, 2]);
  await nano.db.compact(name);

  // Live changes: nano's changesReader holds long polls.
  const seen = [];
  await new Promise((resolve, reject) => {
    db.changesReader.start({ since: "now", includeDocs: true, timeout: 5000 })
      .on("change", (change) => {
        seen.push(change.id);
        if (seen.length === 3) {
          db.changesReader.stop();
          resolve();
        }
      })
      .on("error", reject);
    setTimeout(async () => {
      try {
        for (const id of ["x", "y", "z"]) await db.insert({}, id);
      } catch (error) {
        reject(error);
      }
    }, 200);
  });
  assert.deepEqual(seen.sort(), ["x", "y", "z"]);
  await nano.db.destroy(name);
  console.log(JSON.stringify({ ok: true }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
