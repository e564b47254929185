/**
 * The service worker: after the first visit the page works without a network. It also makes the page
 * cross-origin isolated on hosts that cannot set headers, which lets WebAssembly use threads. Workbox
 * does not do the latter, and would be eighteen times as long.
 *
 * The build writes the files and their SHA-256 in here. On the first visit a file is kept as it goes by
 * (start.js lets nothing large be fetched before), and the rest is fetched when the page asks for it. A
 * new version is fetched as a whole, without the files that have stayed the same, and replaces the old
 * one as a whole.
 */

const VERSION = "__VERSION__";
const FILES = "__FILES__"; // {path: SHA-256}
const PREFIX = "fctsfn-"; // of the names of caches
const PAGE = "index.html"; // what the folder itself is, too

const coming = new Map(); // path → promise of its response; nothing is fetched twice at a time

self.addEventListener("install", (event) => {
  const isFirst = self.registration.active === null;
  const ready = isFirst ? Promise.resolve() : fetchAll();
  event.waitUntil(ready.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith(PREFIX) && name !== VERSION) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

/** "complete": fetch what is missing; the answer on the port is whether everything is there. */
self.addEventListener("message", (event) => {
  if (event.data !== "complete") return;
  const isComplete = fetchAll().then(
    () => true,
    () => false,
  );
  event.waitUntil(isComplete.then((result) => event.ports[0]?.postMessage(result)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const path = pathOf(request.url);
  if (!Object.hasOwn(FILES, path)) return isolated(await fetch(request));
  // Whoever asks for a reload has seen that what is kept is damaged.
  return isolated(await file(path, request.cache === "reload"));
}

/** The path of an address below the page's folder; "?backend=wasm" and the like make no other page. */
function pathOf(url) {
  const { pathname } = new URL(url);
  const { pathname: folder } = new URL("./", location.href);
  return pathname === folder ? PAGE : pathname.replace(folder, "");
}

async function fetchAll() {
  for (const path of Object.keys(FILES)) {
    const response = await file(path);
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  }
}

/** A file of this version: kept, of an older version but the same, or fetched and kept. */
async function file(path, isAnew = false) {
  const cache = await caches.open(VERSION);
  if (!isAnew) {
    const held = (await cache.match(path)) ?? (await ofOlder(path, cache));
    if (held) return held;
    if (coming.has(path)) return (await coming.get(path)).clone();
  }
  const fetching = fetched(path, cache, isAnew);
  coming.set(path, fetching);
  try {
    return (await fetching).clone();
  } finally {
    coming.delete(path);
  }
}

async function ofOlder(path, cache) {
  for (const name of await caches.keys()) {
    if (!name.startsWith(PREFIX) || name === VERSION) continue;
    const held = await (await caches.open(name)).match(path);
    if (held && (await isRight(path, held))) {
      await cache.put(path, held.clone());
      return held;
    }
  }
  return null;
}

async function fetched(path, cache, isAnew) {
  // Asks the host whether what the browser holds is still right, so that no version is a mix.
  const response = await fetch(path, { cache: isAnew ? "reload" : "no-cache" });
  if (response.ok && (await isRight(path, response))) await cache.put(path, response.clone());
  return response;
}

/** Whether a response holds what the build wrote. Hosts may write into pages; those are taken. */
async function isRight(path, response) {
  if (path.endsWith(".html")) return true;
  const content = await response.clone().arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return FILES[path] === Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The response with the headers of a cross-origin isolated page. */
function isolated(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  const { body, status, statusText } = response;
  return new Response(body, { status, statusText, headers });
}
