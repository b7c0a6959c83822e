/**
 * A trial as a state machine, event by event that of the window (twoalike.tasks): cross, what is
 * judged until the answer or the time limit, feedback. Tasks of all kinds are such trials.
 *
 * Times are seconds of the run's clock.
 */

import { note } from "./driver.js";
import { GO_ON } from "./keys.js";

const FOLLOWING = { fixation: "answer", answer: "message", feedback: "done" };

export class TrialMachine {
  early = 0;
  interrupted = false;
  rows = [];

  constructor(trial, protocol) {
    Object.assign(this, { trial, protocol });
  }

  begin() {
    this.onset = this.planned = null;
    this.asked = null;
    this.dropped = 0;
    this.enter(this.protocol.timing.fixation_s > 0 ? "fixation" : "answer");
  }

  enter(phase) {
    this.phase = phase;
    this.since = null;
  }

  get decided() {
    return ["feedback", "message", "done"].includes(this.phase);
  }

  get open() {
    return this.phase === "answer" && this.onset !== null;
  }

  get finished() {
    return this.phase === "done";
  }

  get feedbackS() {
    return this.protocol.timing.feedback_s;
  }

  /** Time at which the phase ends by itself; null while it waits for an answer or a frame. */
  get phaseEnd() {
    const { fixation_s: fixation } = this.protocol.timing;
    const lengths = { fixation, answer: this.limitS || null, feedback: this.feedbackS };
    const length = lengths[this.phase] ?? null;
    return this.since === null || length === null ? null : this.since + length;
  }

  asks(what) {
    return this.asked?.what === what;
  }

  get #askedUntil() {
    return this.asked ? this.asked.time + this.protocol.timing.confirm_s : null;
  }

  get deadline() {
    const times = [this.phaseEnd, this.#askedUntil].filter((time) => time !== null);
    return times.length ? Math.min(...times) : null;
  }

  get limitS() {
    return this.protocol.timing.response_limit_s ?? this.protocol.timing.trial_limit_s;
  }

  get scene() {
    const { texts } = this.protocol;
    if (this.phase === "fixation") return { kind: "fixation" };
    if (!this.decided || this.taken !== null) return this.trialScene;
    return { kind: "page", text: texts.time_out, footer: texts.go_on };
  }

  get timer() {
    const { timing } = this.protocol;
    const end = this.phaseEnd;
    if (end === null || !timing.show_timer) return null;
    const length = this.limitS;
    return { end, length, since: end - (1 - (timing.timer_from ?? -Infinity)) * length };
  }

  /** Takes one event; a press that means nothing now changes nothing. */
  handle(event) {
    const { onset, decided } = this;
    if (event.kind === "shown") {
      // The frame belongs to the phase that was drawn, so time must not pass first.
      this.show(event);
    } else {
      this.letTimePass(event.time);
      if (this.phase !== "message") this.take(event);
      else if (this.#mayTurn(event.time) && this.turns(event)) this.phase = "done";
    }
    const items = this.rows.splice(0);
    if (this.onset !== null && onset === null) {
      items.push(note("trial_shown", this.onset, { trial_index: this.trial.trial_index }));
    }
    if (this.decided && !decided) items.push({ ...this.about, ...this.result });
    return items;
  }

  restart(time) {
    if (this.decided) {
      this.phase = "done";
    } else {
      this.interrupted ||= this.onset !== null;
      this.begin();
    }
    return [];
  }

  get about() {
    const { trial, onset, early, dropped, planned } = this;
    const { trial_index } = trial;
    return { trial_index, onset, early, dropped, flag: this.#flag, planned_onset: planned };
  }

  get #flag() {
    const { flag_fast_s, flag_slow_s } = this.protocol.timing;
    if (this.interrupted) return "interrupted";
    if (this.taken === null) return null;
    if (this.taken < flag_fast_s) return "fast";
    return this.taken > flag_slow_s ? "slow" : null;
  }

  show(event) {
    const dropped = event.dropped ?? null;
    if (this.since === null) {
      this.since = event.time;
      if (this.phase === "answer") {
        this.onset = event.time;
        this.planned = event.planned ?? event.time;
      }
      this.dropped = dropped === null ? null : 0;
    } else if (this.phase === "answer" && this.dropped !== null) {
      this.dropped += dropped ?? 0;
    }
  }

  letTimePass(time) {
    if (this.asked && time >= this.#askedUntil) this.asked = null;
    const end = this.phaseEnd;
    if (end === null || time < end) return;
    this.asked = null;
    if (this.phase === "answer") this.runOut?.(end);
    this.enter(FOLLOWING[this.phase]);
  }

  #mayTurn(time) {
    return this.since !== null && time - this.since >= this.protocol.pages.page_s;
  }

  turns({ kind, key, button, method }) {
    if (kind === "key") return GO_ON.includes(key);
    return method !== undefined || (kind === "press" && button === "left");
  }

  isEarly(time) {
    return this.onset === null || time - this.onset < this.protocol.timing.minimum_rt_s;
  }

  decide() {
    this.enter(this.feedbackS > 0 ? "feedback" : "done");
  }
}
