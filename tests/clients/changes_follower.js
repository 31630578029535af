// Followers of @ibm-cloud/cloudant, one after the other, each beside a fault. What they are comes as JSON on standard input.
// Usage: node changes_follower.js URL < CASES. Prints one JSON line: of each case the ids that came, its error, the rule's hits.
const { ChangesFollower, CloudantV1 } = require("@ibm-cloud/cloudant");
const { NoAuthAuthenticator } = require("ibm-cloud-sdk-core");
const { ChangesParamsHelper } = require("@ibm-cloud/cloudant/cloudant/features/changesParamsHelper");
const { ChangesResultIterableIterator } = require("@ibm-cloud/cloudant/cloudant/features/changesResultIterator");
const { text } = require("node:stream/consumers");

const [url] = process.argv.slice(2);
const service = CloudantV1.newInstance({ authenticator: new NoAuthAuthenticator(), serviceUrl: url });

async function ask(method, path, body) {
  const reply = await fetch(`${url}${path}`, { method, body: body && JSON.stringify(body) });
  const told = await reply.json();
  if (!reply.ok) throw new Error(`${method} ${path}: ${told.reason}`);
  return told;
}

async function follow(it, asked) {
  const { limit, since, include_docs: includeDocs } = it.options;
  const params = { db: it.database, limit, since, includeDocs };
  const follower = new ChangesFollower(service, params, it.tolerance ?? undefined);
  const items = it.mode === "listens" ? follower.start() : follower.startOneOff();
  follower.changesResultIterator.baseDelay = 1;
  const ids = [];
  const watch = setTimeout(() => follower.stop(), asked.patience);
  try {
    for await (const item of items) {
      ids.push(item.id);
      if (includeDocs && item.doc._id !== item.id) throw new Error(`${item.id} has the document ${item.doc._id}`);
      if (it.later && ids.length === asked.ids.length) await ask("PUT", `/${it.database}/${asked.later}`, {});
      if (item.id === asked.later) follower.stop();
    }
    return { ids, error: null };
  } catch (error) {
    return { ids, error: String(error), status: typeof error.code === "number" ? error.code : null };
  } finally {
    clearTimeout(watch);
  }
}

async function main() {
  const asked = JSON.parse(await text(process.stdin));
  ChangesResultIterableIterator.BATCH_SIZE = asked.batch;
  ChangesParamsHelper.LONGPOLL_TIMEOUT = 50;
  const told = {};
  for (const [name, it] of Object.entries(asked.cases)) {
    const { id } = await ask("POST", "/_docstore/faults", it.rule);
    told[name] = await follow(it, asked);
    told[name].hits = (await ask("DELETE", `/_docstore/faults/${id}`)).hits;
  }
  console.log(JSON.stringify(told));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
