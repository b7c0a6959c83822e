/**
 * One trial of choices as a state machine, event by event that of the window task
 * (twoalike.tasks.choosing): cross, images until the answer or the time limit, feedback.
 *
 * Besides the events of driver.js it takes `pick` (a place whose button was pressed without a
 * pointer) and `go_on` (the button of the page after the time limit).
 *
 * Times are seconds of the run's clock, points CSS pixels from the centre of the window, y up.
 */

import { GO_ON } from "./keys.js";
import { POSITIONS } from "./layout.js";

const FOLLOWING = { fixation: "choice", choice: "message", feedback: "done" };

/** Keys of the images that can be chosen, by their place. */
function answerKeys(protocol) {
  const answers = protocol.answers;
  if (answers.image_keys) {
    const keys = answers.image_keys;
    return Object.fromEntries(keys.map((names, index) => [String(index + 1), names]));
  }
  const places = POSITIONS.filter((place) => place in answers);
  return Object.fromEntries(places.map((place) => [place, answers[place]]));
}

/** Labels of the images at places of the screen; empty for one that is no answer. */
export function labelsAt(protocol, places) {
  const named = Object.keys(answerKeys(protocol));
  return places.map((place) => protocol.texts.labels[named.indexOf(place)] ?? "");
}

/** One trial; its result is given as soon as it is decided. */
export class ChoiceMachine {
  constructor(trial, protocol, layout) {
    if (protocol.timing.presentation_ms > 0) {
      throw new Error("timed presentation counts frames, which a browser cannot promise");
    }
    this.trial = trial;
    this.protocol = protocol;
    this.layout = layout;
    this.early = 0;
    this.answer = null;
    this.interrupted = false;
    this.keys = answerKeys(protocol);
    const places = trial.positions.every((place) => POSITIONS.includes(place))
      ? POSITIONS
      : [...trial.positions].sort();
    /** Stimuli by place. */
    this.row = places.map((place) => trial.stimuli[trial.positions.indexOf(place)]);
    this.#begin();
  }

  #begin() {
    this.onset = null;
    this.planned = null;
    this.dropped = 0;
    this.#enter(this.protocol.timing.fixation_s > 0 ? "fixation" : "choice");
  }

  #enter(phase) {
    this.phase = phase;
    this.since = null;
  }

  /** Whether there is a choice, or the time for it is over. */
  get decided() {
    return ["feedback", "message", "done"].includes(this.phase);
  }

  /** Whether the trial is over, feedback included. */
  get finished() {
    return this.phase === "done";
  }

  /** Whether the trial waits for a choice. */
  get choosing() {
    return this.answer === null && this.phase === "choice";
  }

  /** Time at which the phase ends by itself; null while it waits for an answer or a frame. */
  get deadline() {
    const timing = this.protocol.timing;
    const length = {
      fixation: timing.fixation_s,
      choice: timing.response_limit_s || null,
      feedback: this.#feedbackS,
    }[this.phase];
    return this.since === null || length === undefined || length === null
      ? null
      : this.since + length;
  }

  /** Cross, images, or what follows the choice. */
  get scene() {
    const texts = this.protocol.texts;
    if (this.phase === "fixation") return { kind: "fixation" };
    if (this.phase === "choice") {
      return row(this.row, {
        prompt: texts.prompt,
        labels: labelsAt(this.protocol, this.layout.places),
        until: this.#timer,
      });
    }
    if (this.answer === null) return { kind: "page", text: texts.time_out, footer: texts.go_on };
    return this.#sceneAfter;
  }

  /** Feedback: what was chosen alone, or whether a choice in practice was right. */
  get #sceneAfter() {
    const { trial, protocol } = this;
    const verdict = this.#verdict;
    const kept = new Set([this.#picked, trial.anchored ? trial.stimuli[0] : null]);
    const left = this.row.map((name) => (kept.has(name) ? name : null));
    if (verdict === null) return row(left);
    const marked = [trial.stimuli[trial.expected - 1]];
    return verdict
      ? row(left, { verdict: protocol.texts.right, marked })
      : row(this.row, { verdict: protocol.texts.wrong, marked });
  }

  get #picked() {
    return this.answer === null
      ? null
      : this.trial.stimuli[this.trial.positions.indexOf(this.answer.position)];
  }

  get #timer() {
    const timing = this.protocol.timing;
    const end = this.deadline;
    if (end === null || !timing.show_timer) return null;
    const length = timing.response_limit_s;
    return { end, length, since: end - (1 - timing.timer_from) * length };
  }

  /** Whether the answer was right, in practice trials with feedback; else null. */
  get #verdict() {
    const { trial, answer } = this;
    const judged = trial.trial_type === "practice" && this.protocol.practice.feedback;
    if (!judged || answer === null || (trial.expected ?? null) === null) return null;
    return trial.positions.indexOf(answer.position) + 1 === trial.expected;
  }

  get #feedbackS() {
    const { timing, practice } = this.protocol;
    return this.#verdict === null ? timing.feedback_s : practice.feedback_s;
  }

  /** Takes one event; a press that means nothing now changes nothing. */
  handle(event) {
    const { onset, decided } = this;
    if (event.kind === "shown") {
      // The frame belongs to the phase that was drawn, so time must not pass first.
      this.#show(event);
    } else {
      this.#letTimePass(event.time);
      this.#press(event);
    }
    const items = [];
    if (this.onset !== null && onset === null) {
      const detail = { trial_index: this.trial.trial_index };
      items.push({ kind: "note", event: "trial_shown", time: this.onset, detail });
    }
    if (this.decided && !decided) items.push(this.result());
    return items;
  }

  /** Begins an open trial anew; ends a decided one. */
  restart(time) {
    if (this.decided) {
      this.phase = "done";
    } else {
      this.interrupted ||= this.onset !== null;
      this.answer = null;
      this.#begin();
    }
    return [];
  }

  /** Outcome of a decided trial. */
  result() {
    if (!this.decided || this.onset === null) {
      throw new Error(`trial ${this.trial.trial_index} is still open (${this.phase})`);
    }
    return {
      kind: "choice",
      trial_index: this.trial.trial_index,
      onset: this.onset,
      answer: this.answer,
      early: this.early,
      dropped: this.dropped,
      flag: this.#flag,
      planned_onset: this.planned,
    };
  }

  get #flag() {
    const { flag_fast_s, flag_slow_s } = this.protocol.timing;
    if (this.interrupted) return "interrupted";
    if (this.answer === null) return null;
    if (this.answer.response_time < flag_fast_s) return "fast";
    return this.answer.response_time > flag_slow_s ? "slow" : null;
  }

  #show(event) {
    const dropped = event.dropped ?? null;
    if (this.since === null) {
      this.since = event.time;
      if (this.phase === "choice") {
        this.onset = event.time;
        this.planned = event.planned ?? event.time;
      }
      this.dropped = dropped === null ? null : 0;
    } else if (this.phase === "choice" && this.dropped !== null) {
      this.dropped += dropped ?? 0;
    }
  }

  #letTimePass(time) {
    const end = this.deadline;
    if (end !== null && time >= end) {
      this.#enter(FOLLOWING[this.phase]);
    }
  }

  /** Takes the press of a key or of the pointer, as an answer or to turn the page. */
  #press(event) {
    const meaning = this.#meaning(event);
    if (meaning === null) return;
    let { place, turns, method } = meaning;
    if (place !== null && !this.#canAnswer(place)) place = null;
    if (this.phase === "message") {
      const least = this.protocol.pages.page_s;
      if (turns && this.since !== null && event.time - this.since >= least) this.phase = "done";
    } else if (["fixation", "choice"].includes(this.phase) && place !== null) {
      this.#choose(event.time, place, method, event.key ?? null);
    }
  }

  #canAnswer(place) {
    return this.trial.positions.includes(place) && place in this.keys;
  }

  /** Place that a press names, whether it turns a page, and how it was made. */
  #meaning(event) {
    if (event.kind === "key") {
      const found = Object.keys(this.keys).find((name) => this.keys[name].includes(event.key));
      const turns = GO_ON.includes(event.key) || found !== undefined;
      return { place: found ?? null, turns, method: "keyboard" };
    }
    if (event.kind === "press" && event.button === "left" && this.protocol.answers.mouse) {
      return { place: this.layout.hit(event.x, event.y), turns: true, method: event.pointer };
    }
    if (event.kind === "pick") return { place: event.place, turns: false, method: "keyboard" };
    return event.kind === "go_on" ? { place: null, turns: true, method: "" } : null;
  }

  #choose(time, position, method, key) {
    const least = this.protocol.timing.minimum_rt_s;
    if (this.onset === null || time - this.onset < least) {
      this.early += 1;
      return;
    }
    this.answer = { position, method, response_time: time - this.onset, key };
    this.#enter(this.#feedbackS > 0 ? "feedback" : "done");
  }
}

/** Scene of images at their places. */
function row(images, rest = {}) {
  const plain = { prompt: "", labels: [], until: null, verdict: "", marked: [] };
  return { kind: "row", images, ...plain, ...rest };
}
