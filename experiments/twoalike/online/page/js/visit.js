/** Who opens the page, and where their session continues. */

const RTL = new Set(["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);

/**
 * Who opens the page, from its address.
 *
 * @param {string} query Part of the address from the question mark on.
 * @returns {{external: Record<string, string>, link: string|null, name: string}} `name` tells
 *   people at one browser apart; empty for nobody in particular.
 */
export function visitor(query) {
  const given = new URLSearchParams(query);
  const link = given.get("link");
  given.delete("link");
  given.sort();
  const external = Object.fromEntries(given);
  return { external, link, name: link ? `link=${link}` : given.toString() };
}

/** Direction in which a language is written. @returns {"ltr"|"rtl"} */
export function directionOf(language) {
  return RTL.has(language.split("-")[0].toLowerCase()) ? "rtl" : "ltr";
}

/**
 * Where a session continues: where this browser left it, or where the server has it if that is
 * further, because the session was continued in another browser.
 *
 * @param {{progress: object|null, results: object[], draft: object[]}} saved In this browser.
 * @param {{acknowledged: number, resume: object|null}} entered
 * @returns {{progress: {n: number, part: number, step: number, time: number},
 *   results: object[], draft: object[]}}
 */
export function whereToGoOn(saved, { acknowledged, resume }) {
  const { progress, results, draft } = saved;
  if (progress && progress.n >= acknowledged) return { progress, results, draft };
  const { part = 0, step = 0, time = 0, trials = [] } = resume ?? {};
  const unsaved = acknowledged === 0 ? draft : []; // of the very first step
  return { progress: { n: acknowledged, part, step, time }, results: trials, draft: unsaved };
}
