/**
 * Keeps the page's own files for the length of a session, so that it can be opened again while
 * the server is away. What the server says is asked of the server alone.
 */

const CACHE = "twoalike";
const OTHERS = ["api/", "operator"]; // not of the page

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** Files that were loaded before this worker was there. */
self.addEventListener("message", ({ data }) => {
  data.filter(belongs).forEach((address) => answer(new Request(address)));
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && belongs(url)) event.respondWith(answer(event.request));
});

function belongs(address) {
  const { scope } = self.registration;
  const others = OTHERS.some((name) => address.startsWith(scope + name));
  return address.startsWith(scope) && !others;
}

/** Ask the server, and keep its answer; without one, give what is kept. */
async function answer(request) {
  const cache = await caches.open(CACHE);
  const place = request.url.split("?")[0]; // ids of people are not kept
  try {
    const found = await fetch(request);
    if (found.ok) await cache.put(place, found.clone());
    return found;
  } catch (error) {
    const kept = await cache.match(place);
    if (!kept) throw error;
    return kept;
  }
}
