/**
 * The trials of a multi-arrangement session: practice, sets chosen as evidence grows, checks, and
 * the pages between them. The order of `twoalike.tasks.multi_arrangement` in a window.
 */

import { arrangedTrial } from "./evidence.js";
import { round } from "./numeric.js";
import { filled } from "./panels.js";
import { defaultRng } from "./random.js";
import { nextArrangement } from "./weakest.js";

const SEATS = 1; // word of the seed that sets seats apart from a set
const ROTATION_DECIMALS = 4;

/**
 * Trial to show.
 *
 * @typedef {object} ArrangementTrial
 * @property {number} trial_index Number in the run, from 1.
 * @property {"practice"|"main"|"catch"} trial_type
 * @property {string[]} items Object ids.
 * @property {{order: number[], rotation: number}} seats Seat of each item, and degrees.
 * @property {string} scheduler How the items were chosen.
 * @property {number|null} min_evidence
 * @property {number|null} mean_evidence
 * @property {number|null} progress Share of the session that is over; null in practice.
 * @property {Record<string, [number, number]>} [kept] Where a reload found images, arena units.
 */

export class Arranging {
  /**
   * @param {object} step The session's `ArrangementsStep`.
   * @param {object} protocol Resolved protocol.
   * @param {object[]} [results] Arrangements that are behind, oldest first.
   */
  constructor(step, protocol, results = []) {
    Object.assign(this, { step, protocol });
    this.numbers = new Map(step.ids.map((id, number) => [id, number]));
    this.earlier = step.earlier.map(({ places }) => this.#arranged(Object.entries(places)));
    this.done = [];
    results.forEach((result) => this.add(result));
    /** Type of the trial before, unless the page was opened again since; end of that trial. */
    this.before = null;
    this.time = 0;
  }

  /**
   * Choose the next trial.
   *
   * @returns {{page: object|null, trial: ArrangementTrial}|null} With the page to show before;
   *   null after the last.
   */
  next() {
    const planned = this.#following();
    if (planned === null) return null;
    const trial = this.#trial(planned);
    return { page: this.#pageBefore(trial), trial };
  }

  /** Take the result of the trial that was shown. */
  add(result) {
    const type = this.#typeOf(result);
    const inside = result.items.map((id, at) => [id, result.places[at]]);
    const arranged = this.#arranged(inside.filter((_, at) => result.inside[at]));
    this.done.push({ type, arranged, time: result.ending.time - result.onset });
    this.before = type;
    this.time = result.ending.time;
  }

  /** Note why there is no further main trial; null while there is one. */
  endNote() {
    const end = this.#nextMain();
    if (!("reason" in end)) return null;
    const detail = { reason: end.reason, min_evidence: end.minEvidence, share: end.progress };
    return { kind: "note", event: "arranged", time: this.time, detail };
  }

  /** Only chosen and listed main trials have evidence, and practice comes first. */
  #typeOf(result) {
    if (this.done.length < this.#fixed("practice").length) return "practice";
    return result.min_evidence === null ? "catch" : "main";
  }

  /** Trial as the choice reads it; objects that are no longer in the design are left out. */
  #arranged(places) {
    const known = places.filter(([id]) => this.numbers.has(id));
    const items = known.map(([id]) => this.numbers.get(id));
    return arrangedTrial(items, known.map(([, place]) => place));
  }

  #fixed(type) {
    return this.step.listed.filter(({ trial_type }) => trial_type === type);
  }

  #ofType(type) {
    return this.done.filter((trial) => trial.type === type);
  }

  #following() {
    const [practice, checks] = [this.#fixed("practice"), this.#fixed("catch")];
    const nPractice = this.#ofType("practice").length;
    const nChecks = this.#ofType("catch").length;
    if (nPractice < practice.length) return practice[nPractice];
    if (nChecks === 0) {
      const planned = this.#nextMain();
      if (!("reason" in planned)) return planned;
    }
    return checks[nChecks] ?? null;
  }

  #nextMain() {
    const { config, seed } = this.step;
    const main = this.#ofType("main");
    const listed = this.#fixed("main").map(({ stimuli, scheduler }) => {
      return [stimuli.map((id) => this.numbers.get(id)), scheduler];
    });
    return nextArrangement(
      config,
      this.step.ids.length,
      [...this.earlier, ...main.map(({ arranged }) => arranged)],
      defaultRng([seed, main.length + 1]),
      {
        spentS: main.reduce((sum, { time }) => sum + time, 0),
        inSession: main.length,
        listed: config.scheduler === "lift_weakest" ? null : listed,
      },
    );
  }

  /** @returns {ArrangementTrial} */
  #trial(planned) {
    const chosen = "items" in planned;
    const items = chosen ? planned.items.map((number) => this.step.ids[number]) : planned.stimuli;
    const trial_index = this.done.length + 1;
    return {
      trial_index,
      trial_type: chosen ? "main" : planned.trial_type,
      items,
      seats: drawSeats(items.length, defaultRng([this.step.seed, trial_index, SEATS])),
      scheduler: planned.scheduler,
      min_evidence: chosen ? planned.minEvidence : null,
      mean_evidence: chosen ? planned.meanEvidence : null,
      progress: this.#progress(planned),
    };
  }

  /** Share of the session that is over, attention checks included; null in practice. */
  #progress(planned) {
    const nMain = this.#ofType("main").length;
    const nChecks = this.#fixed("catch").length;
    if ("items" in planned) {
      const share = planned.sessionProgress;
      return nMain && nChecks ? (share * nMain) / (nMain + share * nChecks) : share;
    }
    if (planned.trial_type === "practice") return null;
    return (nMain + this.#ofType("catch").length) / (nMain + nChecks);
  }

  /** Page before a trial: the end of practice, or a break. */
  #pageBefore(trial) {
    if (this.before === null) return null;
    if (this.before === "practice") {
      return trial.trial_type === "practice" ? null : this.step.practice_end;
    }
    const every = this.protocol.breaks.break_every;
    const nShown = this.done.filter(({ type }) => type !== "practice").length;
    const total = this.#total;
    // A last block of fewer than half as many trials joins the one before.
    const joined = total !== null && 2 * (total - nShown) < every;
    if (!every || nShown % every || joined) return null;
    if (total !== null) {
      const caption = filled(this.protocol.texts.progress, { done: nShown, total });
      return { ...this.step.pause, progress: [nShown, total], caption };
    }
    const progress = trial.progress === null ? null : [round(100 * trial.progress), 100];
    return { ...this.step.pause, progress };
  }

  /** Trials of the session, practice not counted; null where the answers decide. */
  get #total() {
    const { scheduler, max_trials } = this.step.config;
    if (scheduler === "lift_weakest" || max_trials) return null;
    return this.#fixed("main").length + this.#fixed("catch").length;
  }
}

/**
 * Seat n items in random order, the ring turned at random.
 *
 * @param {number} n
 * @param {import("./random.js").Generator} rng
 * @returns {{order: number[], rotation: number}}
 */
function drawSeats(n, rng) {
  const order = rng.permutation(n);
  return { order, rotation: round(rng.uniform(0, 360), ROTATION_DECIMALS) };
}
