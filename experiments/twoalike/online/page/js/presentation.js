/** Timed presentation: what is shown for how many frames, by the times of the frames (twoalike.tasks). */

import { round } from "./layout.js";

/** Steps under way, each with its duration in ms: takes each frame, and says what the next one shows. */
export class Presentation {
  starts = [];
  late = 0;
  away = false;
  #at = 0;

  constructor(steps, hz) {
    Object.assign(this, { steps, hz });
  }

  get step() {
    return this.steps[this.#at] ?? null;
  }

  get over() {
    return this.starts.length > this.steps.length;
  }

  get onset() {
    return this.starts[1] ?? null;
  }

  take({ time, dropped, here = true }) {
    if (this.onset !== null) this.late += dropped ?? 0;
    this.away ||= !here;
    if (this.starts.length === this.#at) this.starts.push(time);
    const shown = 1 + round((time - this.starts.at(-1)) * this.hz);
    if (this.step && shown >= Math.max(1, round((this.step.ms * this.hz) / 1000))) this.#at += 1;
  }
}
