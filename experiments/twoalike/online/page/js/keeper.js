/**
 * Keeps what a session gives: items as they arise, and a record as each step ends.
 *
 * Items of the step under way are in the storage's draft from the moment they arise, among them the
 * segment with which each opening of the page begins. A page that is opened again adds its own.
 */

import { note } from "./driver.js";
import { divide } from "./records.js";

const RESULTS = new Set(["choice", "rating", "arrangement", "sorting"]);
const RESTARTED = "block_restarted";

export const isOfTrial = ({ kind, event }) =>
  RESULTS.has(kind) || kind === "event" || event === "trial_shown";

export function latest(items) {
  return items.reduce((time, item) => Math.max(time, endOf(item)), 0);
}

function endOf({ kind, time, ending, values, onset = 0, answer, response_time }) {
  if (kind === "event") return values.onset + values.duration;
  return time ?? ending?.time ?? onset + (answer?.response_time ?? response_time ?? 0);
}

export class Keeper {
  constructor({ storage, queue, head, progress, draft = [], device, restarts = false }) {
    Object.assign(this, { storage, queue, head, device, restarts });
    this.held = [];
    this.progress = { ...progress, time: Math.max(progress.time, latest(draft)) };
    this.restarted = restarts && draft.some(isOfTrial);
    const kept = ({ kind, event }) => !this.restarted || kind === "segment" || event === RESTARTED;
    this.items = draft.filter(kept);
    this.writing = Promise.resolve();
  }

  /** A part begins, or goes on in a page that was opened again. */
  open() {
    this.take([{ kind: "segment", time: this.time, device: this.device() }]);
    if (this.restarted) this.take([note(RESTARTED, this.time)]);
    this.restarted = false;
    return this.time;
  }

  get time() {
    return Math.max(this.progress.time, latest(this.items));
  }

  /** Take items as they arise; the same item is taken once. */
  take(items) {
    this.items.push(...items);
    this.writing = this.writing.then(() => this.storage.append(items));
  }

  get decided() {
    return this.items.find((item) => RESULTS.has(item.kind) || item.kind === "answers") ?? null;
  }

  /** Last move of each image of the arrangement under way, by object, the last one moved last. */
  get places() {
    let places = {};
    for (const move of this.items.map(({ values }) => values ?? {})) {
      if (["trial_start", "reset"].includes(move.trial_type)) places = {};
      if (move.trial_type !== "drag") continue;
      delete places[move.stimulus];
      places[move.stimulus] = move;
    }
    return places;
  }

  /** End a step: its record is in the storage when this has resolved, unless it is held. */
  async commit(at, next, end = [], holds = false) {
    await this.writing;
    const fresh = next.part !== at.part;
    const parts = divide([...this.items, ...end]);
    const first = this.progress.n + 1;
    const made = parts.map((items, k) => ({ ...this.head, n: first + k, ...at, items }));
    const records = [...this.held, ...made];
    const time = fresh ? 0 : this.time;
    const progress = { n: this.progress.n + parts.length, ...next, time };
    if (!holds) await this.storage.commit({ records, progress });
    this.held = holds ? records : [];
    this.progress = progress;
    this.items = [];
    if (!holds) this.queue.add(records);
  }
}
