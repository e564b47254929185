/** The server of `npm start` outlives every request, and says in one line when its port is taken. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, connect } from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../../scripts/serve.js";

const PORT = 8000;
const SCRIPT = path.join("scripts", "serve.js");
const WEB = fileURLToPath(new URL("../../", import.meta.url));

let server; // {url, close}

before(async () => {
  server = await serve({ isIsolated: true });
});

after(() => server.close());

/** The first line of the answer to a request that is sent as it stands. */
function raw(text) {
  const { hostname, port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text));
    let answer = "";
    socket.on("data", (data) => (answer += data));
    socket.on("close", () => resolve(answer.split("\r\n")[0]));
    socket.on("error", reject);
  });
}

test("no request ends it", async () => {
  const paths = ["/%", "/%E0%A4%A", "/%00", "/..%2f..%2fetc"];
  paths.push("//", "", "/?%", "*", "http://%", `/${"a".repeat(9000)}`);
  for (const one of paths) {
    for (const method of ["GET", "HEAD", "POST", "OPTIONS"]) {
      const line = await raw(`${method} ${one} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.match(line, /^HTTP\/1.1 (200|404|400|431)/, `${method} ${one}: ${line}`);
    }
  }
  assert.match(await raw("nonsense\r\n\r\n"), /400/);
  for (const range of [
    "bytes=5-1",
    "bytes=900000-",
    "bytes=-0",
    "bytes=x",
    "lines=1-2",
    "bytes=0-1,4-5",
  ]) {
    const answer = await fetch(server.url, { headers: { range } });
    assert.ok(answer.status < 500, `${range}: ${answer.status}`);
    await answer.arrayBuffer();
  }
  const { status, headers } = await fetch(server.url);
  assert.equal(status, 200);
  assert.equal(headers.get("cross-origin-opener-policy"), "same-origin");
});

test("a taken port is one line", async () => {
  const other = createServer();
  // Where another program has it, so much the better.
  await new Promise((resolve) => {
    other.once("error", resolve);
    other.listen(PORT, "127.0.0.1", resolve);
  });
  const child = spawn(process.execPath, [SCRIPT], { cwd: WEB });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += data));
  const code = await new Promise((resolve) => child.once("close", resolve));
  other.close();
  assert.equal(code, 1);
  assert.match(said, /^Port 8000 is taken.*\n$/);
});
