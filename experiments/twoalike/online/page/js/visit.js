/** Who opens the page, and whether and where their session continues. */

import { isTrial } from "./course.js";
import { isOfTrial } from "./keeper.js";

const RTL = new Set(["ar", "dv", "fa", "he", "ku", "ps", "sd", "ug", "ur", "yi"]);

export function visitor(query, id = "") {
  const given = new URLSearchParams(query);
  given.sort();
  const { link = null, lang: language = null, ...external } = Object.fromEntries(given);
  const person = external[id] ? `${id}=${external[id]}` : new URLSearchParams(external).toString();
  return { external, link, language, name: link ? `link=${link}` : person };
}

/** The first of some languages that a study has; its own first one if it has none of them. */
export function languageOf(languages, wanted) {
  const found = wanted.map((one) => one.toLowerCase().split("-")[0]);
  return found.find((one) => languages.includes(one)) ?? languages[0];
}

export function directionOf(language) {
  return RTL.has(language.split("-")[0].toLowerCase()) ? "rtl" : "ltr";
}

/** Whether a session whose first trial was shown may not be continued, by the rules of the study. */
export function isOver({ reload, longest_absence }, saved, entered) {
  const { progress, draft } = whereToGoOn(saved, entered);
  const { parts } = entered.person;
  if (progress.part === parts.length) return false;
  const done = parts.slice(0, progress.part).flatMap(({ steps }) => steps);
  done.push(...parts[progress.part].steps.slice(0, progress.step));
  if (![...draft, ...done].some((one) => isOfTrial(one) || isTrial(one) || one.kind === "block")) return false;
  const away = saved.seen ? (Date.now() - saved.seen) / 60_000 : (entered.away_minutes ?? 0);
  return reload === "end" || (longest_absence > 0 && away > longest_absence);
}

/**
 * Where a session continues: where this browser left it, if it can send all that the server lacks;
 * else where the server has it. That is further if the session was continued in another browser,
 * and not as far if the server was restored from a backup. Blocks of trials that it had chosen since
 * the backup are lost, and answers to them are of no use.
 */
export function whereToGoOn(saved, { acknowledged, resume, person }) {
  const { progress, draft } = saved;
  const stored = acknowledged ?? saved.acknowledged;
  const records = saved.records.filter(({ n }) => n > stored);
  const chosen = () => person.parts.some(({ steps }) => steps.some(({ task }) => task === "odd-one-out"));
  const lost = stored < saved.acknowledged && chosen();
  if (progress && progress.n - stored === records.length && !lost) {
    return { progress, records, draft, here: true };
  }
  const { part = 0, step = 0, time = 0 } = resume ?? {};
  const unsaved = progress === null && stored === 0 ? draft : []; // of the very first step
  const there = { n: stored, part, step, time };
  return { progress: there, records: [], draft: unsaved, here: false };
}
