// Two-way live sync of a real data set (world-countries) between a local PouchDB and docstore, with edits on both
// sides that end in a conflict which both ends see alike.
// Usage: node pouchdb_sync.js URL FOLDER. Prints one JSON line.
const assert = require("node:assert/strict");
const path = require("node:path");
const PouchDB = require("pouchdb-node");
const countries = require("world-countries");

const [url, folder] = process.argv.slice(2);

function settled(sync, isDone) {
  return new Promise((resolve, reject) => {
    const look = async () => {
      if (await isDone()) {
        sync.removeListener("paused", look);
        resolve();
      }
    };
    sync.on("paused", look).on("change", look).on("error", reject).on("denied", reject);
    look().catch(reject);
  });
}

async function allLeaves(db) {
  const { rows } = await db.allDocs();
  const leaves = {};
  for (const row of rows) {
    const open = await db.get(row.id, { open_revs: "all" });
    leaves[row.id] = open.map((item) => `${item.ok._rev}${item.ok._deleted ? " deleted" : ""}`).sort();
  }
  return leaves;
}

async function main() {
  const local = new PouchDB(path.join(folder, "countries"));
  const remote = new PouchDB(url);
  const half = Math.floor(countries.length / 2);
  const docs = countries.map((country) => ({ ...country, _id: country.cca3 }));
  await local.bulkDocs(docs.slice(0, half));
  await remote.bulkDocs(docs.slice(half));

  // One-shot both ways: both ends hold everything.
  await local.sync(remote, { batch_size: 50 });
  assert.equal((await local.info()).doc_count, countries.length);
  assert.equal((await remote.info()).doc_count, countries.length);

  // Edits on both sides while they are apart: the same document on both, and others on one side each.
  const edit = async (db, id, by) => db.put({ ...(await db.get(id)), edited_by: by });
  for (const id of ["DEU", "FRA", "JPN"]) {
    await edit(local, id, "local");
    await edit(remote, id, "remote");
  }
  await edit(local, "FRA", "local, twice");
  await edit(local, "BRA", "local");
  await edit(remote, "CAN", "remote");
  await local.remove(await local.get("ISL"));
  await remote.remove(await remote.get("NZL"));

  const sync = local.sync(remote, { live: true, retry: true });
  await settled(sync, async () => {
    const both = await Promise.all([local, remote].map((db) => db.allDocs({ keys: ["BRA", "CAN", "FRA", "ISL", "NZL"] })));
    const revs = both.map((reply) => JSON.stringify(reply.rows.map((row) => row.value)));
    const conflicts = await Promise.all([local, remote].map((db) => db.get("DEU", { conflicts: true })));
    return revs[0] === revs[1] && conflicts.every((doc) => doc._conflicts);
  });

  // A live edit on each side while they are connected.
  await edit(remote, "KEN", "remote, live");
  await edit(local, "PER", "local, live");
  await settled(sync, async () =>
    (await local.get("KEN")).edited_by === "remote, live" && (await remote.get("PER")).edited_by === "local, live");
  sync.cancel();

  // Both ends see the same winner and the same conflicts.
  const conflicted = {};
  for (const id of ["DEU", "FRA", "JPN"]) {
    const [here, there] = await Promise.all([local, remote].map((db) => db.get(id, { conflicts: true })));
    assert.equal(here._conflicts.length, 1);
    assert.deepEqual([here._rev, here._conflicts, here.edited_by], [there._rev, there._conflicts, there.edited_by]);
    conflicted[id] = here.edited_by;
  }
  assert.equal(conflicted.FRA, "local, twice");
  assert.deepEqual(await allLeaves(local), await allLeaves(remote));

  // Resolving on one end resolves on the other.
  const losing = (await local.get("DEU", { conflicts: true }))._conflicts[0];
  await local.remove("DEU", losing);
  await local.replicate.to(remote);
  assert.equal((await remote.get("DEU", { conflicts: true }))._conflicts, undefined);

  console.log(JSON.stringify({ countries: countries.length, conflicted }));
  await local.destroy();
  await remote.destroy();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
