/**
 * What shows the session: kind and version of browser and system, sizes, refresh rate. Nothing
 * that tells one person from another.
 */

const BROWSERS = [
  ["samsung", /SamsungBrowser\/(\d+(?:\.\d+)?)/],
  ["opera", /(?:OPR|Opera)\/(\d+(?:\.\d+)?)/],
  ["edge", /Edg(?:e|A|iOS)?\/(\d+(?:\.\d+)?)/],
  ["firefox", /(?:Firefox|FxiOS)\/(\d+(?:\.\d+)?)/],
  ["chrome", /(?:Chrome|Chromium|CriOS)\/(\d+(?:\.\d+)?)/],
  ["safari", /Version\/(\d+(?:\.\d+)?).* Safari\//],
];
const SYSTEMS = [
  ["android", /Android/],
  ["ios", /iPhone|iPad|iPod/],
  ["chromeos", /\bCr[O]S\b/],
  ["windows", /Windows/],
  ["macos", /Mac OS X|Macintosh/],
  ["linux", /Linux|X11/],
];

export function readUserAgent(userAgent, touchPoints = 0) {
  const found = BROWSERS.find(([, pattern]) => pattern.test(userAgent));
  const version = found ? found[1].exec(userAgent)[1] : "";
  let system = SYSTEMS.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? "other";
  if (system === "macos" && touchPoints > 1) system = "ios";
  return {
    browser: found?.[0] ?? "other",
    browser_version: version.slice(0, 16),
    system,
    mobile: system === "ios" || system === "android" || /Mobi/.test(userAgent),
  };
}

export function isKeyless() {
  // As .keys-only in pages.css.
  return matchMedia("(hover: none) and (pointer: coarse)").matches;
}

/** Replace sentences in all texts of protocols or steps; answers to choose from stay. */
export function reworded(value, sentences) {
  const replaced = (text, [from, to]) => text.replaceAll(from, to);
  const each = (one) => reworded(one, sentences);
  if (typeof value === "string") return Object.entries(sentences).reduce(replaced, value);
  if (Array.isArray(value)) return value.map(each);
  if (value === null || typeof value !== "object") return value;
  const changed = ([name, one]) => [name, name === "options" ? one : each(one)];
  return Object.fromEntries(Object.entries(value).map(changed));
}

export function describeDevice({ refreshHz, measured }) {
  const touch = navigator.maxTouchPoints ?? 0;
  return {
    ...readUserAgent(navigator.userAgent, touch),
    window_px: [window.innerWidth, window.innerHeight],
    pixel_ratio: window.devicePixelRatio,
    refresh_hz: refreshHz,
    fullscreen: document.fullscreenElement !== null,
    touch: touch > 0,
    px_per_cm: measured?.px_per_cm ?? null,
    distance_cm: measured?.distance_cm ?? null,
  };
}

export function lacking({ sounds = {} } = {}) {
  const needed = {
    "Web Audio": "AudioContext" in window || !Object.keys(sounds).length,
    IndexedDB: "indexedDB" in window,
    "AbortSignal.timeout": "timeout" in AbortSignal, // browsers that have it have the rest
  };
  return Object.keys(needed).find((name) => !needed[name]) ?? null;
}

export function fit([width, height], [leastWidth, leastHeight], [screenWidth, screenHeight]) {
  if (width >= leastWidth && height >= leastHeight) return "fits";
  const inScreen = screenWidth >= leastWidth && screenHeight >= leastHeight;
  const turned = screenHeight >= leastWidth && screenWidth >= leastHeight;
  if (inScreen) return "enlarge";
  return turned ? "turn" : "never";
}
