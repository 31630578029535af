// nano and IBM's Cloudant SDK against Mango: indexes, queries, pages.
// Usage: node mango.js URL DATABASE. Prints one JSON line.
const assert = require("node:assert/strict");
const Nano = require("nano");
const { CloudantV1, PagerType, Pagination } = require("@ibm-cloud/cloudant");
const { NoAuthAuthenticator } = require("ibm-cloud-sdk-core");

const [url, name] = process.argv.slice(2);
const selector = { n: { $gte: 5 }, s: { $regex: "^[ab]$" } };

async function withNano() {
  const nano = Nano(url);
  await nano.db.create(name);
  const db = nano.use(name);
  await db.bulk({ docs: Array.from({ length: 90 }, (_, n) => ({ _id: `d${100 + n}`, n, s: "abc"[n % 3] })) });
  const index = { index: { fields: ["n"] }, name: "by-n", ddoc: "by" };
  assert.deepEqual(await db.createIndex(index), { result: "created", id: "_design/by", name: "by-n" });
  assert.equal((await db.createIndex(index)).result, "exists");
  const found = await db.find({ selector, fields: ["_id", "n"], sort: [{ n: "desc" }], limit: 3 });
  assert.deepEqual(found.docs.map((doc) => doc.n), [88, 87, 85]);
  const next = await db.find({ selector, sort: [{ n: "desc" }], limit: 1, bookmark: found.bookmark });
  assert.equal(next.docs[0].n, 84);
  await assert.rejects(db.find({ selector: { n: { $bad: 1 } } }), (error) => error.statusCode === 400 && error.error === "invalid_operator");
  let text = "";
  for await (const part of db.findAsStream({ selector, limit: 100 })) text += part;
  return JSON.parse(text).docs.length;
}

async function withCloudant() {
  const service = CloudantV1.newInstance({ authenticator: new NoAuthAuthenticator(), serviceUrl: url });
  const made = await service.postIndex({ db: name, ddoc: "by", name: "by-s", type: "json", index: { fields: [{ s: "asc" }] } });
  assert.equal(made.result.result, "created");
  const listed = (await service.getIndexesInformation({ db: name })).result;
  assert.deepEqual(listed.indexes.map((each) => each.name).sort(), ["_all_docs", "by-n", "by-s"]);
  const explained = (await service.postExplain({ db: name, selector, useIndex: ["by", "by-n"] })).result;
  assert.equal(explained.index.name, "by-n");
  assert.deepEqual(explained.selector, { $and: [{ n: { $gte: 5 } }, { s: { $regex: "^[ab]$" } }] });
  const pages = Pagination.newPagination(service, PagerType.POST_FIND, { db: name, selector, fields: ["_id"], limit: 10 });
  const ids = new Set((await pages.pager().getAll()).map((doc) => doc._id));
  const page = (await service.postFind({ db: name, selector, limit: 10 })).result;
  const next = (await service.postFind({ db: name, selector, limit: 1, bookmark: page.bookmark })).result;
  assert.ok(!page.docs.some((doc) => doc._id === next.docs[0]._id));
  assert.equal((await service.deleteIndex({ db: name, ddoc: "by", type: "json", index: "by-s" })).result.ok, true);
  return ids.size;
}

async function main() {
  const nano = await withNano();
  console.log(JSON.stringify({ nano, cloudant: await withCloudant() }));
}

main();
