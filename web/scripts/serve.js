/**
 * A plain static server for web/dist, for looking and for tests: npm start
 *
 * It sends the page's own Content-Security-Policy with every file, so that workers fall under it too,
 * which a <meta> in the page does not reach. Only the worker itself may start workers from blobs: that
 * is how TensorFlow.js starts WebAssembly's threads.
 */

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { DIST } from "./build.js";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
  ".webmanifest": "application/manifest+json",
  ".wasm": "application/wasm",
  ".jpg": "image/jpeg",
  ".png": "image/png",
};
const PORT = 8000;

/**
 * @param {object} options
 * @param {number} options.port 0 for any that is free
 * @param {string} options.prefix path under which the site lies, such as "/some/path"
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve({ folder = DIST, port = 0, prefix = "", headers = {} } = {}) {
  const policy = await policyOf(path.join(folder, "index.html"));
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    const name = decodeURIComponent(pathname).slice(prefix.length);
    const file = path.join(folder, name.endsWith("/") ? `${name}index.html` : name);
    try {
      if (!pathname.startsWith(prefix) || !file.startsWith(folder)) throw new Error("outside");
      const content = await readFile(file);
      response.writeHead(200, {
        "Content-Type": TYPES[path.extname(file)] ?? "application/octet-stream",
        "Content-Security-Policy": name === "/worker.js" ? withBlobs(policy) : policy,
        "Cache-Control": "no-cache",
        ...headers,
      });
      response.end(content);
    } catch {
      response.writeHead(404, { "Content-Type": "text/plain" });
      response.end("There is no such file.");
    }
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}/`,
    close: () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections()),
  };
}

function withBlobs(policy) {
  return policy.replace(/(script-src|worker-src) /g, "$1 blob: ");
}

async function policyOf(page) {
  const html = await readFile(page, "utf8");
  return html.match(/http-equiv="Content-Security-Policy"\s+content="([^"]+)"/)[1];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve({ port: PORT });
  console.log(`Open ${url}`);
}
