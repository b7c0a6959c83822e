/**
 * One rating of a pair (twoalike.tasks.pair_rating).
 *
 * Besides the events of driver.js it takes those of the view's controls: `choose` (a point), `grip`
 * (the slider is taken), `slide` (to a value), `scroll` (notches of the wheel) and `done`, which
 * tell their `method`.
 */

import { TrialMachine } from "./trial.js";

const FINE = 0.2; // step of an arrow key with Shift, times the step without

export class RatingMachine extends TrialMachine {
  constructor(trial, protocol) {
    super(trial, protocol);
    const left = trial.positions.indexOf("left");
    this.row = [left, 1 - left].map((at) => trial.stimuli[at]);
    this.slides = protocol.scale.kind === "slider";
    this.hasButton = this.slides || protocol.scale.confirm;
    this.begin();
  }

  begin() {
    this.value = this.slides ? this.protocol.scale.start : null;
    this.adjusted = 0;
    this.method = "none";
    this.counted = false; // whether this drag has changed the value
    this.taken = null;
    super.begin();
  }

  get trialScene() {
    const { texts } = this.protocol;
    const open = this.phase === "answer";
    return {
      kind: "rating",
      images: this.row,
      prompt: open ? texts.prompt : "",
      value: this.value,
      button: open && this.hasButton ? (this.asks("done") ? texts.confirm : texts.done) : "",
      until: open ? this.timer : null,
    };
  }

  get result() {
    const over = this.taken === null;
    return {
      kind: "rating",
      value: over ? null : this.value,
      response_time: this.taken,
      method: over ? "none" : this.method,
      n_adjustments: this.adjusted,
    };
  }

  take(event) {
    if (this.decided) return;
    if (!this.isEarly(event.time)) this.#answer(event);
    else if (this.#means(event)) this.early += 1;
  }

  #means({ kind, key }) {
    if (kind !== "key") return kind === "choose" || kind === "grip";
    return this.#point(key) !== null || this.protocol.answers.done_keys.includes(key);
  }

  #point(key) {
    const keys = this.protocol.answers.keys.slice(0, this.protocol.scale.points);
    const digit = /^num_(\d)$/.exec(key)?.[1] ?? key;
    const at = keys.indexOf(keys.includes(key) ? key : digit);
    return this.slides || at < 0 ? null : at + 1;
  }

  #answer(event) {
    const { kind, time, key, method } = event;
    const { done_keys } = this.protocol.answers;
    const point = kind === "key" ? this.#point(key) : event.point;
    if (kind === "done" || (kind === "key" && done_keys.includes(key))) {
      this.#pressDone(time, method ?? "keyboard");
    } else if (kind === "choose" || (kind === "key" && point !== null)) {
      this.#choose(time, point, method ?? "keyboard");
    } else if (kind === "nudge") this.#nudge(event);
    else if (kind === "scroll") this.#set(this.value + event.notches * this.protocol.scale.step, "wheel");
    else if (kind === "grip") this.counted = false;
    else if (kind === "slide") this.#slide(event);
  }

  #slide({ value, method }) {
    const before = this.adjusted;
    this.#set(value, method);
    if (this.counted) this.adjusted = before;
    this.counted ||= this.adjusted > before;
  }

  #nudge({ dx, dy, fine }) {
    const { scale } = this.protocol;
    const step = dx || dy;
    if (this.slides) {
      this.#set(this.value + step * scale.step * (fine ? FINE : 1), "keyboard");
      return;
    }
    // From the middle of the scale, if nothing is chosen yet.
    const point = this.value === null ? Math.floor((scale.points + 1) / 2) : this.value + step;
    this.#set(Math.min(Math.max(point, 1), scale.points), "keyboard");
  }

  #set(value, method) {
    const set = this.slides ? Math.round(Math.min(Math.max(value, 0), 1) * 1e4) / 1e4 : value;
    if (set === this.value) return;
    Object.assign(this, { value: set, method, asked: null });
    this.adjusted += 1;
  }

  #choose(time, point, method) {
    this.#set(point, method);
    this.method = method;
    if (!this.protocol.scale.confirm) this.#finish(time);
  }

  #pressDone(time, method) {
    if (this.value === null) return;
    if (this.adjusted === 0) {
      if (!this.asked) {
        this.asked = { what: "done", time };
        return;
      }
      this.method = method;
    }
    this.#finish(time);
  }

  #finish(time) {
    this.taken = time - this.onset;
    this.asked = null;
    this.decide();
  }
}
