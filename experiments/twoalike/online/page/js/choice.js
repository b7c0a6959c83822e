/**
 * One trial of choices (twoalike.tasks.choosing).
 *
 * Besides the events of driver.js it takes `pick` (the image at a place, by a method). Where
 * presentation is timed, cross, images and masks are counted in frames and shown to their end, also
 * after an answer.
 */

import { note } from "./driver.js";
import { POSITIONS } from "./layout.js";
import { Presentation } from "./presentation.js";
import { TrialMachine } from "./trial.js";

function answerKeys({ answers }) {
  const numbered = answers.image_keys?.map((names, index) => [String(index + 1), names]);
  const named = () => POSITIONS.filter((place) => place in answers).map((place) => [place, answers[place]]);
  return Object.fromEntries(numbered ?? named());
}

export class ChoiceMachine extends TrialMachine {
  takenBack = 0;

  constructor(trial, protocol, refreshHz = null) {
    super(trial, protocol);
    this.hz = refreshHz;
    this.keys = answerKeys(protocol);
    this.places = trial.positions.every((place) => POSITIONS.includes(place))
      ? POSITIONS
      : [...trial.positions].sort();
    this.order = this.places.map((place) => trial.positions.indexOf(place));
    this.row = this.order.map((item) => trial.stimuli[item]);
    this.masks = trial.masks?.length ? this.order.map((item) => trial.masks[item]) : [];
    const named = Object.keys(this.keys);
    this.labels = this.places.map((place) => protocol.texts.labels[named.indexOf(place)] ?? "");
    this.begin();
  }

  begin() {
    this.answer = this.first = this.taken = null;
    super.begin();
    if (!this.trial.steps?.length) return;
    this.presentation = new Presentation(this.trial.steps, this.hz);
    this.enter("showing");
  }

  /** Whether frames are counted, up to the one after the last image or mask. */
  get showing() {
    return Boolean(this.presentation) && !this.presentation.over && !this.decided;
  }

  get phaseEnd() {
    if (!this.presentation || this.phase !== "answer") return super.phaseEnd;
    return this.limitS && this.presentation.over ? this.onset + this.limitS : null;
  }

  show(event) {
    const { presentation } = this;
    if (!this.showing) {
      super.show(event);
      return;
    }
    presentation.take(event);
    this.onset = presentation.onset;
    if (this.onset !== null) this.planned ??= event.planned ?? event.time;
    if (presentation.over) {
      if (this.answer) this.decide();
      this.since = event.time;
    } else if (!presentation.step) this.enter("answer");
  }

  get trialScene() {
    if (this.presentation?.step) return this.#sceneOf(this.presentation.step);
    if (this.phase !== "answer" || (this.presentation && this.answer)) return this.#sceneAfter;
    if (this.presentation) return this.#withoutImages(false);
    return row(this.row, {
      prompt: this.protocol.texts.prompt,
      labels: this.labels,
      until: this.timer,
      marked: this.#picked,
    });
  }

  /** What is shown for a time; images are there, if not to be seen, from the cross on. */
  #sceneOf({ kind, items }) {
    const cross = kind === "fixation";
    const masked = !cross && kind !== "image";
    const names = masked ? this.masks : this.row;
    const images = this.order.map((item, at) => (items.includes(item) ? names[at] : null));
    return row(images, { cross, masked, centred: !cross && this.protocol.timing.place === "centre" });
  }

  /** After timed images: labels of what was chosen, or those of the others, with the question. */
  #withoutImages(chosen) {
    const picked = this.#picked;
    const labels = this.labels.map((label, at) => (picked.includes(this.row[at]) === chosen ? label : ""));
    const nothing = this.row.map(() => null);
    if (chosen) return row(nothing, { labels });
    return row(nothing, { prompt: this.protocol.texts.prompt, labels, until: this.timer });
  }

  get #sceneAfter() {
    const { trial, protocol } = this;
    const verdict = this.#verdict;
    if (this.presentation && verdict === null) return this.#withoutImages(true);
    const kept = new Set([...this.#picked, trial.anchored ? trial.stimuli[0] : null]);
    const left = this.row.map((name) => (kept.has(name) ? name : null));
    if (verdict === null) return row(left);
    const marked = this.#right;
    return verdict
      ? row(left, { verdict: protocol.texts.right, marked })
      : row(this.row, { verdict: protocol.texts.wrong, marked });
  }

  get #picked() {
    const { stimuli, positions } = this.trial;
    const given = [this.first, this.answer].filter((each) => each !== null);
    return given.map(({ position }) => stimuli[positions.indexOf(position)]);
  }

  get #right() {
    const { expected, expected_with, stimuli } = this.trial;
    return [expected, expected_with].filter((number) => number).map((n) => stimuli[n - 1]);
  }

  get #verdict() {
    const picked = this.#picked;
    const judged = this.trial.trial_type === "practice" && this.protocol.practice.feedback;
    if (!judged || this.answer === null || !this.#right.length) return null;
    return this.#right.every((name) => picked.includes(name));
  }

  get feedbackS() {
    return this.#verdict === null ? super.feedbackS : this.protocol.practice.feedback_s;
  }

  get result() {
    const given = { kind: "choice", answer: this.answer, taken_back: this.takenBack };
    if (!this.presentation) return given;
    const { starts, late, away } = this.presentation;
    return { ...given, dropped: late, starts, away };
  }

  take(event) {
    const found = this.#meaning(event);
    const there = found !== null && this.trial.positions.includes(found.place);
    if (there && found.place in this.keys && this.answer === null && !this.decided) {
      this.#choose(event.time, found.place, found.method, event.key ?? null);
    }
  }

  turns(event) {
    if (event.kind === "press" && !this.protocol.answers.mouse) return false;
    return super.turns(event) || this.#meaning(event) !== null;
  }

  #meaning(event) {
    if (event.kind === "key") {
      const place = Object.keys(this.keys).find((name) => this.keys[name].includes(event.key));
      return place === undefined ? null : { place, method: "keyboard" };
    }
    return event.kind === "pick" ? event : null;
  }

  #choose(time, position, method, key) {
    const { starts = [], steps = [] } = this.presentation ?? {};
    const waits = this.protocol.timing.answers_from === "offset";
    if (this.isEarly(time) || (waits && starts.length < steps.findLastIndex(({ kind }) => kind === "image") + 2)) {
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
    Object.assign(this, { answer, taken: response_time });
    if (!this.showing) this.decide();
    else this.rows.push(note("answered", time, { trial_index: this.trial.trial_index }));
  }
}

function row(images, rest = {}) {
  const plain = { prompt: "", labels: [], until: null, verdict: "", marked: [] };
  Object.assign(plain, { cross: false, masked: false, centred: false });
  return { kind: "row", images, ...plain, ...rest };
}
