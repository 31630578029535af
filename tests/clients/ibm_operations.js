// Every operation of @ibm-cloud/cloudant against a server that looks like Cloudant.
// Usage: node ibm_operations.js URL SEARCHED. Prints one JSON line: how many were called, and which failed.
const { CloudantV1 } = require("@ibm-cloud/cloudant");
const { IamAuthenticator } = require("ibm-cloud-sdk-core");
const { Readable } = require("node:stream");

const [url, searched] = process.argv.slice(2);
const authenticator = new IamAuthenticator({ apikey: "any-key", url });
const s = CloudantV1.newInstance({ authenticator, serviceUrl: url });

const views = { n: { map: "function (doc) { if (doc.n) emit(doc.n, 1); }", reduce: "_sum" } };
const indexes = { text: { index: "function (doc) { index('n', doc.n); index('default', 'word' + doc.n); }" } };
const index = { fields: [{ n: "asc" }] };
const queries = [{ limit: 1 }, { limit: 2 }];
const selector = { n: 1 };
let number = 0;

async function prepare() {
  const db = `node${number++}`;
  const parts = `${db}parts`;
  await s.putDatabase({ db });
  await s.putDatabase({ db: parts, partitioned: true });
  const docs = [{ _id: "a", n: 1 }, { _id: "b", n: 2 }, { _id: "_design/d", views, indexes }];
  const written = (await s.postBulkDocs({ db, bulkDocs: { docs } })).result;
  const parted = [{ _id: "x:a", n: 1 }, { _id: "y:a" }, { _id: "_design/d", views, indexes, options: { partitioned: true } }];
  await s.postBulkDocs({ db: parts, bulkDocs: { docs: parted } });
  return { db, parts, rev: written[0].rev, designRev: written[2].rev };
}

const of = {
  doc: (p) => ({ db: p.db, docId: "a" }),
  design: (p) => ({ db: p.db, ddoc: "d" }),
  view: (p) => ({ ...of.design(p), view: "n" }),
  search: (p) => ({ ...of.design(p), index: "text", query: "word1" }),
  part: (p) => ({ db: p.parts, partitionKey: "x" }),
  partView: (p) => ({ ...of.part(p), ddoc: "d", view: "n", reduce: false }),
  partSearch: (p) => ({ ...of.part(p), ddoc: "d", index: "text", query: "word1" }),
  local: (p) => ({ db: p.db, docId: "point" }),
  file: (p) => ({ ...of.doc(p), attachmentName: "f" }),
  bytes: (p) => ({ ...of.file(p), attachment: Readable.from("x"), contentType: "text/plain", rev: p.rev }),
  copy: (p) => ({ source: { url: `${url}/${p.db}` }, target: { url: `${url}/${p.parts}` }, continuous: true }),
};
const attach = async (p) => (await s.putAttachment(of.bytes(p))).result.rev;
const local = (p) => s.putLocalDocument({ ...of.local(p), document: { n: 1 } });
const replicate = async (p) => (await s.putReplicationDocument({ docId: p.db, replicationDocument: of.copy(p) })).result.rev;
const job = async (p) => {
  await replicate(p);
  for (;;) {
    const { id } = (await s.getSchedulerDocument({ docId: p.db })).result;
    if (id) return id;
  }
};

const operations = {
  getServerInformation: () => ({}),
  getUuids: () => ({ count: 2 }),
  getAllDbs: () => ({}),
  postDbsInfo: (p) => ({ keys: [p.db] }),
  getDbUpdates: () => ({}),
  getMembershipInformation: () => ({}),
  getUpInformation: () => ({}),
  headUpInformation: () => ({}),
  getActiveTasks: () => ({}),
  getSessionInformation: () => ({}),
  postSearchAnalyze: () => ({ analyzer: "english", text: "running" }),
  headDatabase: (p) => ({ db: p.db }),
  getDatabaseInformation: (p) => ({ db: p.db }),
  putDatabase: (p) => ({ db: `${p.db}x` }),
  deleteDatabase: (p) => ({ db: p.db }),
  postChanges: (p) => ({ db: p.db }),
  postChangesAsStream: (p) => ({ db: p.db }),
  getSecurity: (p) => ({ db: p.db }),
  putSecurity: (p) => ({ db: p.db, members: { names: ["sue"] } }),
  putCloudantSecurityConfiguration: (p) => ({ db: p.db, cloudant: { sue: ["_reader"] } }),
  getShardsInformation: (p) => ({ db: p.db }),
  getDocumentShardsInfo: of.doc,
  postRevsDiff: (p) => ({ db: p.db, documentRevisions: { a: ["1-x"] } }),
  postDocument: (p) => ({ db: p.db, document: { n: 3 } }),
  putDocument: (p) => ({ ...of.doc(p), document: { n: 9 }, ifMatch: p.rev }),
  getDocument: of.doc,
  getDocumentAsMixed: of.doc,
  getDocumentAsRelated: of.doc,
  getDocumentAsStream: of.doc,
  headDocument: of.doc,
  deleteDocument: (p) => ({ ...of.doc(p), rev: p.rev }),
  postBulkDocs: (p) => ({ db: p.db, bulkDocs: { docs: [{}, {}] } }),
  postBulkGet: (p) => ({ db: p.db, docs: [{ id: "a" }] }),
  postBulkGetAsMixed: (p) => ({ db: p.db, docs: [{ id: "a" }] }),
  postBulkGetAsRelated: (p) => ({ db: p.db, docs: [{ id: "a" }] }),
  postBulkGetAsStream: (p) => ({ db: p.db, docs: [{ id: "a" }] }),
  postAllDocs: (p) => ({ db: p.db }),
  postAllDocsAsStream: (p) => ({ db: p.db }),
  postAllDocsQueries: (p) => ({ db: p.db, queries }),
  postAllDocsQueriesAsStream: (p) => ({ db: p.db, queries }),
  putAttachment: of.bytes,
  getAttachment: async (p) => (await attach(p), of.file(p)),
  headAttachment: async (p) => (await attach(p), of.file(p)),
  deleteAttachment: async (p) => ({ ...of.file(p), rev: await attach(p) }),
  putLocalDocument: (p) => ({ ...of.local(p), document: {} }),
  getLocalDocument: async (p) => (await local(p), of.local(p)),
  headLocalDocument: async (p) => (await local(p), of.local(p)),
  deleteLocalDocument: async (p) => (await local(p), of.local(p)),
  putDesignDocument: (p) => ({ db: p.db, ddoc: "e", designDocument: { views } }),
  getDesignDocument: of.design,
  headDesignDocument: of.design,
  deleteDesignDocument: (p) => ({ ...of.design(p), rev: p.designRev }),
  getDesignDocumentInformation: of.design,
  postDesignDocs: (p) => ({ db: p.db }),
  postDesignDocsQueries: (p) => ({ db: p.db, queries }),
  postView: of.view,
  postViewAsStream: of.view,
  postViewQueries: (p) => ({ ...of.view(p), queries: [{ reduce: false }, {}] }),
  postViewQueriesAsStream: (p) => ({ ...of.view(p), queries: [{}] }),
  postFind: (p) => ({ db: p.db, selector }),
  postFindAsStream: (p) => ({ db: p.db, selector }),
  postExplain: (p) => ({ db: p.db, selector }),
  getIndexesInformation: (p) => ({ db: p.db }),
  postIndex: (p) => ({ db: p.db, index, type: "json" }),
  deleteIndex: async (p) => {
    await s.postIndex({ db: p.db, index, type: "json", ddoc: "q", name: "by" });
    return { db: p.db, ddoc: "q", type: "json", index: "by" };
  },
  postSearch: of.search,
  postSearchAsStream: of.search,
  getSearchInfo: (p) => ({ ...of.design(p), index: "text" }),
  getSearchDiskSize: (p) => ({ ...of.design(p), index: "text" }),
  getPartitionInformation: of.part,
  postPartitionAllDocs: of.part,
  postPartitionAllDocsAsStream: of.part,
  postPartitionView: of.partView,
  postPartitionViewAsStream: of.partView,
  postPartitionFind: (p) => ({ ...of.part(p), selector }),
  postPartitionFindAsStream: (p) => ({ ...of.part(p), selector }),
  postPartitionExplain: (p) => ({ ...of.part(p), selector }),
  postPartitionSearch: of.partSearch,
  postPartitionSearchAsStream: of.partSearch,
  postReplicator: (p) => ({ replicationDocument: of.copy(p) }),
  putReplicationDocument: (p) => ({ docId: p.db, replicationDocument: of.copy(p) }),
  getReplicationDocument: async (p) => (await replicate(p), { docId: p.db }),
  headReplicationDocument: async (p) => (await replicate(p), { docId: p.db }),
  deleteReplicationDocument: async (p) => ({ docId: p.db, rev: await replicate(p) }),
  getSchedulerDocs: () => ({}),
  getSchedulerDocument: async (p) => (await job(p), { docId: p.db }),
  headSchedulerDocument: async (p) => (await job(p), { docId: p.db }),
  getSchedulerJobs: () => ({}),
  getSchedulerJob: async (p) => ({ jobId: await job(p) }),
  headSchedulerJob: async (p) => ({ jobId: await job(p) }),
  postApiKeys: () => ({}),
  getCorsInformation: () => ({}),
  putCorsConfiguration: () => ({ origins: ["https://a.example"] }),
  getCapacityThroughputInformation: () => ({}),
  putCapacityThroughputConfiguration: () => ({ blocks: 100 }),
  getCurrentThroughputInformation: () => ({}),
  getCapacityDatabasesInformation: () => ({}),
  getCurrentDatabasesInformation: () => ({}),
  getActivityTrackerEvents: () => ({}),
  postActivityTrackerEvents: () => ({ types: ["management"] }),
};
const OF_CLIENT = ["getTimeout", "getAuthenticator", "getHttpClient"];
const REFUSED = { getDbUpdates: 404 };

async function drained(result) {
  if (result && typeof result.on === "function") for await (const _ of result) void _;
}

async function main() {
  await s.putDatabase({ db: "_replicator" });
  const methods = [];
  for (let of = Object.getPrototypeOf(s); of; of = Object.getPrototypeOf(of)) methods.push(...Object.getOwnPropertyNames(of));
  const known = methods.filter((name) => /^(get|head|post|put|delete)[A-Z]/.test(name) && !OF_CLIENT.includes(name));
  const missing = known.filter((name) => !operations[name]);
  const failed = {};
  let called = 0;
  for (const [name, parameters] of Object.entries(operations)) {
    if (/Search/.test(name) && searched !== "yes") continue;
    const p = await prepare();
    try {
      const answer = await s[name](await parameters(p));
      await drained(answer.result);
      if (REFUSED[name]) failed[name] = `answered ${answer.status}`;
    } catch (error) {
      if (error.status !== REFUSED[name]) failed[name] = `${error.status} ${error.message}`;
    }
    called += 1;
    for (const db of [p.db, p.parts, `${p.db}x`]) await s.deleteDatabase({ db }).catch(() => {});
  }
  console.log(JSON.stringify({ called, failed, missing }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
