/** Lets the browser keep the page's files while a session lasts (worker.js). */

const CACHE = "twoalike";

/** Keep what the page has loaded and will load; only where the browser can, over TLS. */
export async function keepFiles() {
  if (!navigator.serviceWorker) return;
  await navigator.serviceWorker.register(new URL("worker.js", document.baseURI));
  const { active } = await navigator.serviceWorker.ready;
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  active.postMessage([document.baseURI.split("?")[0], ...loaded]);
}

export async function forgetFiles() {
  if (!navigator.serviceWorker) return;
  const registration = await navigator.serviceWorker.getRegistration(document.baseURI);
  await registration?.unregister();
  await caches.delete(CACHE);
}
