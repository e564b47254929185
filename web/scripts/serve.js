/**
 * A plain static server for web/dist, for looking and for tests: npm start
 *
 * It sends the page's own Content-Security-Policy with every file, so that workers fall under it too,
 * which a <meta> in the page does not reach. Only the worker itself may start workers from blobs: that
 * is how TensorFlow.js starts WebAssembly's threads.
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import { DIST } from "./build.js";

const PORT = 8000;

/**
 * @param {object} options
 * @param {number} options.port 0 for any that is free
 * @param {string} options.prefix path under which the site lies, such as "/some/path"
 * @param {boolean} options.isIsolated whether pages may have threads from the first request on
 * @param {(path: string, status: number, bytes: number) => void} options.onAnswer told of every answer
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve({
  folder = DIST,
  port = 0,
  prefix = "",
  isIsolated = false,
  onAnswer,
} = {}) {
  const policy = await policyOf(path.join(folder, "index.html"));
  const files = sirv(folder, {
    dev: true, // what is built while it runs is seen
    etag: true,
    setHeaders(response, pathname) {
      const isWorker = ["/worker.js", "/benchmark/benchmark.js"].includes(pathname);
      response.setHeader("Content-Security-Policy", isWorker ? withBlobs(policy) : policy);
      if (isIsolated) {
        response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
        response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
      }
    },
  });
  const server = createServer((request, response) => {
    // Outside of the prefix there is nothing.
    const isInside = request.url.startsWith(`${prefix}/`);
    request.url = isInside ? request.url.slice(prefix.length) : "/404";
    // sirv ends the program over a range that ends before it starts; others have the whole file.
    const [, first, last] = request.headers.range?.match(/^bytes=(\d+)-(\d*)$/) ?? [];
    const isRange = first !== undefined && (last === "" || Number(first) <= Number(last));
    if (!isRange) delete request.headers.range;
    const { url: pathname } = request;
    response.once("finish", () => {
      const { statusCode } = response;
      const length = statusCode === 304 ? 0 : Number(response.getHeader("Content-Length") ?? 0);
      onAnswer?.(pathname, statusCode, length);
    });
    files(request, response);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
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
  try {
    const { url } = await serve({ port: PORT, isIsolated: true });
    console.log(`Open ${url}`);
  } catch (error) {
    if (error.code !== "EADDRINUSE") throw error;
    console.error(
      `Port ${PORT} is taken, perhaps by another \`npm start\`. End that program first.`,
    );
    process.exitCode = 1;
  }
}
