// tus-js-client uploads a file to a running docstore, with its own retries.
// Usage: node tus_upload.js ENDPOINT FILE OPTIONS. OPTIONS is JSON: chunkSize, retries, uploadUrl, protocol, metadata,
// uploadDataDuringCreation. Prints one JSON line: {"ok": true, ...} or {"error": MESSAGE, "status": STATUS, ...}.
const fs = require("node:fs");
const tus = require("tus-js-client");

const [endpoint, file, text] = process.argv.slice(2);
const options = JSON.parse(text);
const asked = [];

function finish(result) {
  console.log(JSON.stringify({ ...result, asked }));
}

const upload = new tus.Upload(fs.readFileSync(file), {
  endpoint: options.uploadUrl ? null : endpoint,
  uploadUrl: options.uploadUrl ?? null,
  chunkSize: options.chunkSize ?? Number.POSITIVE_INFINITY,
  retryDelays: Array(options.retries ?? 0).fill(0),
  metadata: options.metadata ?? {},
  protocol: options.protocol ?? "tus-v1",
  uploadDataDuringCreation: options.uploadDataDuringCreation ?? false,
  storeFingerprintForResuming: false,
  onAfterResponse: (request, response) => asked.push([request.getMethod(), response.getStatus()]),
  onSuccess: (payload) =>
    finish({ ok: true, url: upload.url, rev: payload.lastResponse.getHeader("X-Couch-Update-NewRev") ?? null }),
  onError: (error) =>
    finish({ error: error.message, status: error.originalResponse?.getStatus() ?? null, url: upload.url }),
});
upload.start();
