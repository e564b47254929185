/**
 * The first thing that runs: the service worker, before anything large is fetched. So everything goes
 * through it once and is kept; and where the host does not isolate the page, the page is loaded again,
 * while that costs a few kilobytes, and has threads from the first visit on.
 */

// A service worker that does not take over by then is not waited for, in milliseconds.
const TAKE_OVER_TIME = 5000;
const RELOADED = "fctsfn-reloaded"; // kept for the tab: one reload must do

/** @returns {Promise<boolean>} whether the page is about to be loaded again */
async function serve() {
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register("./sw.js");
  // On later visits it is in control, or the person has asked for a reload without it.
  if (registration.active !== null) return false;
  await new Promise((resolve) => {
    serviceWorker.addEventListener("controllerchange", resolve, { once: true });
    setTimeout(resolve, TAKE_OVER_TIME);
  });
  if (crossOriginIsolated || !serviceWorker.controller || sessionStorage.getItem(RELOADED)) {
    return false;
  }
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
  return true;
}

// Without a service worker (http, a private window) the page works, too.
const isLeaving = "serviceWorker" in navigator && (await serve().catch(() => false));
if (!isLeaving) {
  await import("./main.js");
  navigator.serviceWorker?.controller?.postMessage("complete");
}
