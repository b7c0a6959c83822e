/**
 * One trial of choices (twoalike.tasks.choosing).
 *
 * Besides the events of driver.js it takes `pick` (the image at a place, by a method).
 */

import { POSITIONS } from "./layout.js";
import { TrialMachine } from "./trial.js";

/** Keys of the images that can be chosen, by their place. */
function answerKeys({ answers }) {
  const numbered = answers.image_keys?.map((names, index) => [String(index + 1), names]);
  const named = () => POSITIONS.filter((place) => place in answers).map((place) => [place, answers[place]]);
  return Object.fromEntries(numbered ?? named());
}

export class ChoiceMachine extends TrialMachine {
  takenBack = 0;

  constructor(trial, protocol) {
    super(trial, protocol);
    this.keys = answerKeys(protocol);
    /** From left to right, or as they are numbered. */
    this.places = trial.positions.every((place) => POSITIONS.includes(place))
      ? POSITIONS
      : [...trial.positions].sort();
    /** Stimuli by place. */
    this.row = this.places.map((place) => trial.stimuli[trial.positions.indexOf(place)]);
    const named = Object.keys(this.keys);
    /** Labels by place; empty for one that is no answer. */
    this.labels = this.places.map((place) => protocol.texts.labels[named.indexOf(place)] ?? "");
    this.begin();
  }

  begin() {
    /** `first` of a pair may be taken back. */
    this.answer = this.first = null;
    super.begin();
  }

  get trialScene() {
    if (this.phase !== "answer") return this.#sceneAfter;
    return row(this.row, {
      prompt: this.protocol.texts.prompt,
      labels: this.labels,
      until: this.timer,
      marked: this.#picked,
    });
  }

  /** Feedback: what was chosen alone, or whether a choice in practice was right. */
  get #sceneAfter() {
    const { trial, protocol } = this;
    const verdict = this.#verdict;
    const kept = new Set([...this.#picked, trial.anchored ? trial.stimuli[0] : null]);
    const left = this.row.map((name) => (kept.has(name) ? name : null));
    if (verdict === null) return row(left);
    const marked = this.#right;
    return verdict
      ? row(left, { verdict: protocol.texts.right, marked })
      : row(this.row, { verdict: protocol.texts.wrong, marked });
  }

  /** Objects chosen so far. */
  get #picked() {
    const { stimuli, positions } = this.trial;
    const given = [this.first, this.answer].filter((each) => each !== null);
    return given.map(({ position }) => stimuli[positions.indexOf(position)]);
  }

  get #right() {
    const { expected, expected_with, stimuli } = this.trial;
    return [expected, expected_with].filter((number) => number).map((n) => stimuli[n - 1]);
  }

  /** Whether the answer was right, in practice trials with feedback; else null. */
  get #verdict() {
    const picked = this.#picked;
    const judged = this.trial.trial_type === "practice" && this.protocol.practice.feedback;
    if (!judged || this.answer === null || !this.#right.length) return null;
    return this.#right.every((name) => picked.includes(name));
  }

  get feedbackS() {
    return this.#verdict === null ? super.feedbackS : this.protocol.practice.feedback_s;
  }

  get taken() {
    return this.answer === null ? null : this.answer.response_time;
  }

  get result() {
    return { kind: "choice", answer: this.answer, taken_back: this.takenBack };
  }

  take(event) {
    const found = this.#meaning(event);
    const there = found !== null && this.trial.positions.includes(found.place);
    if (there && found.place in this.keys && !this.decided) {
      this.#choose(event.time, found.place, found.method, event.key ?? null);
    }
  }

  turns(event) {
    if (event.kind === "press" && !this.protocol.answers.mouse) return false;
    return super.turns(event) || this.#meaning(event) !== null;
  }

  /** Place that a press names, and how it was made. */
  #meaning(event) {
    if (event.kind === "key") {
      const place = Object.keys(this.keys).find((name) => this.keys[name].includes(event.key));
      return place === undefined ? null : { place, method: "keyboard" };
    }
    return event.kind === "pick" ? event : null;
  }

  #choose(time, position, method, key) {
    if (this.isEarly(time)) {
      this.early += 1;
      return;
    }
    const response_time = time - this.onset;
    const answer = { position, method, response_time, key, first: null, first_time: null };
    if (this.trial.n_chosen === 2) {
      const { first } = this;
      if (first === null || first.position === position) {
        this.first = first === null ? answer : null;
        this.takenBack += first !== null;
        return;
      }
      Object.assign(answer, { first: first.position, first_time: first.response_time });
    }
    this.answer = answer;
    this.decide();
  }
}

/** Scene of images at their places. */
function row(images, rest = {}) {
  const plain = { prompt: "", labels: [], until: null, verdict: "", marked: [] };
  return { kind: "row", images, ...plain, ...rest };
}
