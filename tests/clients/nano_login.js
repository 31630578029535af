// nano with a session: login, cookies that it keeps, a user of its own, logout.
// Usage: node nano_login.js URL ADMIN PASSWORD. Prints one JSON line.
const assert = require("node:assert/strict");
const Nano = require("nano");

const [url, admin, password] = process.argv.slice(2);

async function main() {
  const nano = Nano(url);
  await assert.rejects(nano.db.create("cookies"), (error) => error.statusCode === 401);
  await assert.rejects(nano.auth(admin, "wrong"), (error) => error.statusCode === 401);
  await nano.auth(admin, password);
  const { userCtx, info } = await nano.session();
  assert.equal(info.authenticated, "cookie");
  await nano.db.create("cookies");
  await nano.use("cookies").insert({ by: userCtx.name }, "a");

  const users = nano.use("_users");
  const name = "nano user";
  await users.insert({ name, password: "pässword", roles: [], type: "user" }, `org.couchdb.user:${name}`);
  await nano.request({
    db: "cookies", path: "_security", method: "put", body: { members: { names: [name], roles: [] } },
  });

  const other = Nano(url);
  await assert.rejects(other.use("cookies").get("a"), (error) => error.statusCode === 401);
  await other.auth(name, "pässword");
  assert.equal((await other.session()).userCtx.name, name);
  await other.use("cookies").insert({ by: name }, "b");
  await assert.rejects(other.db.destroy("cookies"), (error) => error.statusCode === 401 || error.statusCode === 403);
  await assert.rejects(users.get(`org.couchdb.user:nobody`), (error) => error.statusCode === 404);
  const documents = (await other.use("cookies").list()).rows.length;

  await other.request({ path: "_session", method: "delete" });
  assert.equal((await other.session()).userCtx.name, null);
  await assert.rejects(other.use("cookies").get("a"), (error) => error.statusCode === 401);
  console.log(JSON.stringify({ name: userCtx.name, documents }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
