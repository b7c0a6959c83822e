/** Shows a course step by step, and interrupts it where the full screen was left. */

import { isTrial } from "./course.js";
import { interrupt, note, run } from "./driver.js";
import { make, makeRoot } from "./look.js";
import { SHOWN } from "./shown.js";

const LEAST_SCALE = 0.75; // a phone that is turned would make them too small for fingers
const AHEAD = 12; // steps whose images are loaded before their turn

function objectsOf({ images, trial, stimuli, items, masks = [] }) {
  return trial ? objectsOf(trial) : [...(images ?? stimuli ?? items ?? []), ...masks];
}

export class Session {
  constructor(parts) {
    Object.assign(this, parts);
    this.shows = this.course.shows();
    this.current = null;
    this.heard = (items) => this.keeper.take(items);
  }

  async run() {
    for (;;) {
      const { value, done } = await this.shows.next();
      this.current = done ? null : value;
      if (done) return value;
      const { step, trial, at } = value;
      const [now, soon] = [objectsOf(step ?? trial ?? {}), this.ahead(at.step)];
      await Promise.all([this.pictures.need(now), this.speaker?.need(now)]);
      for (const files of [this.pictures, this.speaker]) files?.ahead(soon);
      await this.show();
    }
  }

  ahead(at) {
    const coming = this.course.steps.slice(at, at + AHEAD);
    const open = coming.some(({ task }) => task === "multi-arrangement");
    return [...coming.flatMap(objectsOf), ...(open ? Object.keys(this.pictures.files) : [])];
  }

  async show() {
    const { kind, protocol, clock } = this.current;
    const root = makeRoot(this.root, protocol);
    const { measured, refreshHz, speaker } = this;
    const parts = { ...this.current, images: this.pictures.images, measured, refreshHz, speaker };
    const { machine, view } = SHOWN[kind](root, parts);
    this.mark(this.current);
    this.layout = view.layout;
    await run(machine, view, { root, clock, heard: this.heard });
    this.mark((this.layout = null));
    this.root.replaceChildren();
  }

  mark(show) {
    const { dataset } = document.body;
    delete dataset.trial;
    if (!show) delete dataset.step;
    else dataset.step = `${show.at.part}.${show.at.step}`;
    if (show?.kind === "arrangement") dataset.trial = show.trial.trial_index;
  }

  /** Smallest window for what is shown, if not that of all: images that were placed are scaled with it. */
  get least() {
    return this.layout?.size?.map((side) => Math.floor(LEAST_SCALE * side)) ?? null;
  }

  get inTrial() {
    return this.current !== null && isTrial(this.current);
  }

  /** Interrupt what is shown, as Esc does in a window: a trial restarts after a countdown. */
  pause(wait) {
    if (!this.current) return Promise.resolve();
    const { clock, protocol } = this.current;
    const restarts = this.inTrial;
    return interrupt(async (machine) => {
      this.heard([note("stop_asked", clock.now())]);
      await wait();
      this.heard([note("went_on", clock.now())]);
      const seconds = protocol.breaks.ready_s;
      if (machine && restarts && seconds > 0) await this.countDown(protocol, clock);
    });
  }

  async countDown(protocol, clock) {
    const root = make("div", { class: "cover" });
    document.body.append(root);
    const { machine, view } = SHOWN.countdown(root, { protocol });
    await run(machine, view, { root, clock, heard: this.heard }).finally(() => root.remove());
  }
}
