/**
 * Runs a course as a timeline of jsPsych, and interrupts it where the full screen was left.
 */

import { interrupt, listen, note, run } from "./driver.js";
import { Countdown, CountdownPlugin, CountdownView, PagePlugin, QuestionPlugin } from "./pages.js";
import { cover } from "./panels.js";
import { MultiArrangementPlugin } from "./plugin-multi-arrangement.js";
import { OddOneOutPlugin } from "./plugin-odd-one-out.js";

const PLUGINS = {
  page: PagePlugin,
  question: QuestionPlugin,
  countdown: CountdownPlugin,
  trial: OddOneOutPlugin,
  arrangement: MultiArrangementPlugin,
};
const PARAMETERS = ["step", "trial", "protocol", "clock"];
const AHEAD = 12; // steps whose images are loaded before their turn
const TRIALS = new Set(["trial", "arrangement"]);

/** Objects whose images a step shows. @returns {string[]} */
function objectsOf({ kind, images, trial, stimuli, items, ids }) {
  if (kind === "trial" && trial) return objectsOf(trial);
  return [...(images ?? stimuli ?? items ?? ids ?? [])];
}

export class Session {
  /**
   * @param {object} parts
   * @param {import("./course.js").Course} parts.course
   * @param {import("./keeper.js").Keeper} parts.keeper
   * @param {import("./pictures.js").Pictures} parts.pictures
   * @param {{px_per_cm: number, distance_cm: number}|null} parts.measured
   * @param {HTMLElement} parts.root
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.shows = this.course.shows();
    this.current = null;
    this.reason = null;
    this.error = null;
  }

  /**
   * Show everything that is left.
   *
   * @param {typeof globalThis.initJsPsych} initJsPsych
   * @returns {Promise<"completed"|"declined">}
   */
  async run(initJsPsych) {
    listen((items) => this.keeper.take(items));
    await this.advance();
    if (this.current) {
      const jsPsych = initJsPsych({ display_element: this.root });
      await jsPsych.run([{ timeline: this.nodes(), loop_function: () => this.current !== null }]);
    }
    listen(() => {});
    if (this.error) throw this.error;
    return this.reason;
  }

  /** A node of the timeline for each kind of show; the one whose turn it is runs. */
  nodes() {
    // jsPsych copies parameters, and images cannot be copied: functions are called instead.
    const given = Object.fromEntries(PARAMETERS.map((name) => [name, () => this.current[name]]));
    return Object.entries(PLUGINS).map(([kind, type]) => ({
      conditional_function: () => this.current?.kind === kind,
      timeline: [
        {
          type,
          ...given,
          images: () => this.pictures.images,
          measured: () => this.measured,
          on_start: () => this.mark(this.current),
          on_finish: ({ items }) => this.advance({ items }).catch((error) => this.stop(error)),
        },
      ],
    }));
  }

  /** Take what a show has given, and make the next one ready. */
  async advance(given) {
    this.mark(null);
    const { value, done } = await this.shows.next(given);
    this.current = done ? null : value;
    if (done) {
      this.reason = value;
      return;
    }
    const { step, trial, at } = value;
    await this.pictures.need(objectsOf(step ?? trial ?? {}));
    this.pictures.ahead(this.course.steps.slice(at.step, at.step + AHEAD).flatMap(objectsOf));
  }

  /** End the timeline: jsPsych itself would go on after an error. */
  stop(error) {
    this.current = null;
    this.error = error;
  }

  /** Say in the page which step is shown, for its style and for tests. */
  mark(show) {
    const { dataset } = document.body;
    delete dataset.trial;
    if (!show) delete dataset.step;
    else dataset.step = `${show.at.part}.${show.at.step}`;
    if (show?.kind === "arrangement") dataset.trial = show.trial.trial_index;
  }

  /** Whether images are shown that have to be large enough. */
  get inTrial() {
    return TRIALS.has(this.current?.kind);
  }

  /**
   * Interrupt what is shown, as Esc does in a window: a trial restarts after a countdown.
   *
   * @param {() => Promise<void>} wait Ends when the session may go on.
   * @returns {Promise<void>}
   */
  pause(wait) {
    if (!this.current) return Promise.resolve();
    const { clock, protocol } = this.current;
    const restarts = this.inTrial;
    return interrupt(async ({ machine, keep }) => {
      keep([note("stop_asked", clock.now())]);
      await wait();
      keep([note("went_on", clock.now())]);
      const seconds = protocol.breaks.ready_s;
      if (machine && restarts && seconds > 0) await this.countDown(protocol, seconds, clock);
    });
  }

  async countDown({ texts }, seconds, clock) {
    const root = cover();
    try {
      await run(new Countdown(texts.ready, seconds), new CountdownView(root), { root, clock });
    } finally {
      root.remove();
    }
  }
}
