/**
 * The service worker: after the first visit the page works without a network. It also makes the page
 * cross-origin isolated on hosts that cannot set headers, which lets WebAssembly use threads. Workbox
 * does not do the latter, and would be eighteen times as long.
 *
 * The build writes the list of files and a hash over them in here, so that a new version is fetched
 * as a whole and replaces the old one as a whole.
 */

const VERSION = "__VERSION__";
const FILES = ["__FILES__"];

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(VERSION);
      // Asks the host whether what the browser holds is still right, so that no version is a mix.
      await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith("fctsfn-") && name !== VERSION) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const cache = await caches.open(VERSION);
  // "?backend=wasm" and the like do not make another page.
  const response = (await cache.match(request, { ignoreSearch: true })) ?? (await fetch(request));
  return isolated(response);
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
