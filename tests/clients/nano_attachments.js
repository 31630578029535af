// nano's attachments (alone, as streams, in multipart) against a running docstore.
// Usage: node nano_attachments.js URL DATABASE. Prints one JSON line.
const assert = require("node:assert/strict");
const { Readable } = require("node:stream");
const Nano = require("nano");

const [url, name] = process.argv.slice(2);
const noise = Buffer.alloc(3_000_001, (_, n) => n).map((_, n) => (n * 31 + (n >> 8)) & 255);

async function read(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function main() {
  const nano = Nano(url);
  await nano.db.create(name);
  const db = nano.use(name);

  // One attachment by its own path: a buffer, a stream of unknown length, a range of names.
  const first = await db.attachment.insert("rab bit", "a/b.png", noise, "image/png");
  assert.ok(noise.equals(await db.attachment.get("rab bit", "a/b.png")));
  await assert.rejects(db.attachment.insert("rab bit", "c", Buffer.from("x"), "image/x"), { statusCode: 409 });
  const second = await db.attachment.insert("rab bit", "text", Readable.from(["str", "eam"]), "text/plain", { rev: first.rev });
  assert.equal((await db.attachment.get("rab bit", "text")).toString(), "stream");
  assert.ok(noise.equals(await read(db.attachment.getAsStream("rab bit", "a/b.png"))));
  const third = await db.attachment.destroy("rab bit", "text", { rev: second.rev });
  await assert.rejects(db.attachment.get("rab bit", "text"), { statusCode: 404 });
  assert.deepEqual(Object.keys((await db.get("rab bit"))._attachments), ["a/b.png"]);
  assert.match(third.rev, /^3-/);

  // A document and its attachments in one multipart request, and back.
  const attachments = [
    { name: "n", data: noise, content_type: "image/x" },
    { name: "t.txt", data: "text", content_type: "text/plain" },
  ];
  await db.multipart.insert({ v: 1 }, attachments, "many");
  assert.ok(noise.equals(await db.attachment.get("many", "n")));
  assert.equal((await db.attachment.get("many", "t.txt")).toString(), "text");
  const body = await db.multipart.get("many");
  assert.ok(body.includes(noise));

  // Inline.
  const doc = await db.get("many", { attachments: true });
  assert.ok(noise.equals(Buffer.from(doc._attachments.n.data, "base64")));

  await nano.db.destroy(name);
  console.log(JSON.stringify({ ok: true }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
