/** Plugins of jsPsych for pages of text, questions and countdowns. */

import { Clock } from "./clock.js";
import { run } from "./driver.js";
import { ParameterType } from "./jspsych-types.js";
import { decoded, makeRoot } from "./look.js";
import { Countdown, PageMachine, QuestionMachine } from "./page-machines.js";
import { CountdownView, PageView, QuestionView } from "./page-views.js";

export { Countdown } from "./page-machines.js";
export { CountdownView } from "./page-views.js";

/** Parameters and data that all plugins of twoalike have. */
export const SHARED = {
  parameters: {
    /** Protocol of the task as JSON: texts, colours, times. */
    protocol: { type: ParameterType.COMPLEX, default: undefined },
    /**
     * Decoded pictures by object id (a Map, given by a function: jsPsych copies other values), or
     * addresses by id; null: ids are addresses.
     */
    images: { type: ParameterType.COMPLEX, default: null },
    /** Time of the run (clock.js); null: it begins with the trial. */
    clock: { type: ParameterType.COMPLEX, default: null },
  },
  data: {
    /** Notes, answers and results in their order, as twoalike keeps them. */
    items: { type: ParameterType.COMPLEX, array: true },
  },
};
/** Version of the plugins: that of the records they give. */
export const VERSION = "1.0.0";
const SIMULATED_ENTRIES = { age: "30", number: "1", text: "simulated", long_text: "simulated" };

/**
 * Gives a machine the frames and events of a simulated person.
 * @param {{handle: (event: any) => any[]}} machine
 * @param {any[]} events
 */
export function play(machine, events) {
  return events.flatMap((event) => machine.handle(event));
}

/** What the plugins have in common. */
export class Plugin {
  /** @param {any} jsPsych */
  constructor(jsPsych) {
    this.jsPsych = jsPsych;
  }

  /**
   * @param {any} trial
   * @param {"data-only" | "visual"} mode
   * @param {any} options
   * @param {() => void} loaded
   */
  simulate(trial, mode, options, loaded) {
    if (mode === "visual") {
      return this.trial(this.jsPsych.getDisplayElement(), trial, loaded, true);
    }
    loaded();
    this.jsPsych.finishTrial({ ...this.simulated(trial), ...options?.data });
  }
}

/** A page of text; the step is a PageStep of twoalike. */
export class PagePlugin extends Plugin {
  static info = {
    name: "twoalike-page",
    version: VERSION,
    parameters: {
      ...SHARED.parameters,
      /** Name for the log, text, footer, progress and caption, images, shortest and longest time. */
      step: { type: ParameterType.COMPLEX, default: undefined },
    },
    data: SHARED.data,
  };

  /**
   * @param {HTMLElement} display
   * @param {any} trial
   * @param {() => void} loaded
   * @param {boolean} [simulated]  Whether it turns by itself.
   */
  async trial(display, { step, protocol, images, clock }, loaded, simulated = false) {
    const root = makeRoot(display, protocol);
    const found = await decoded(images, step.images ?? []);
    const machine = new PageMachine(step);
    const view = new PageView(root, protocol, step, found, (time) => machine.mayLeave(time));
    loaded();
    if (simulated) pressLater(this.jsPsych, root, "Space", " ", step.minimum_s);
    const items = await run(machine, view, { root, clock: clock ?? new Clock() });
    this.jsPsych.finishTrial({ items });
  }

  /** @param {any} trial */
  simulated({ step, clock }) {
    const time = clock?.now() ?? 0;
    const machine = new PageMachine(step);
    const events = [{ kind: "read", time }, { kind: "shown", time }];
    events.push({ kind: "go_on", time: time + step.minimum_s });
    return { items: play(machine, events) };
  }
}

/** A question or the consent page; the step is a QuestionStep of twoalike. */
export class QuestionPlugin extends Plugin {
  static info = {
    name: "twoalike-question",
    version: VERSION,
    parameters: {
      ...SHARED.parameters,
      /** Measure, id, text, kind of question, options, whether required, shortest time. */
      step: { type: ParameterType.COMPLEX, default: undefined },
    },
    data: {
      ...SHARED.data,
      /** Option that was chosen, from 0; null where none is. */
      chosen: { type: ParameterType.INT },
    },
  };

  /**
   * @param {HTMLElement} display
   * @param {any} trial
   * @param {() => void} loaded
   * @param {boolean} [simulated]
   */
  async trial(display, { step, protocol, clock }, loaded, simulated = false) {
    const root = makeRoot(display, protocol);
    const machine = new QuestionMachine(step, protocol);
    const view = new QuestionView(root, protocol, step, machine);
    loaded();
    if (simulated) this.#answerLater(root, machine);
    const items = await run(machine, view, { root, clock: clock ?? new Clock() });
    this.jsPsych.finishTrial({ items, chosen: machine.chosen });
  }

  /** @param {HTMLElement} root @param {QuestionMachine} machine */
  #answerLater(root, machine) {
    const after = 1000 * machine.minimum + 100;
    this.jsPsych.pluginAPI.setTimeout(() => {
      const field = /** @type {HTMLInputElement | null} */ (root.querySelector(".entry"));
      if (field) {
        field.value = simulatedEntry(machine.step.question);
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      for (const pressed of ["button.option, label input", "button.push"]) {
        /** @type {HTMLElement | null} */ (root.querySelector(pressed))?.click();
      }
    }, after);
  }

  /** @param {any} trial */
  simulated({ step, protocol, clock }) {
    const machine = new QuestionMachine(step, protocol);
    const begun = clock?.now() ?? 0;
    const time = begun + machine.minimum;
    const option = { kind: step.question === "choice" ? "pick" : "toggle", time, option: 0 };
    const items = play(machine, [
      { kind: "read", time: begun },
      { kind: "shown", time: begun },
      { kind: "entered", time, entry: simulatedEntry(step.question) },
      option,
      ...(step.question === "choice" ? [] : [{ kind: "confirm", time }]),
    ]);
    return { items, chosen: machine.chosen };
  }
}

/** Seconds counted down before a trial. */
export class CountdownPlugin extends Plugin {
  static info = {
    name: "twoalike-countdown",
    version: VERSION,
    parameters: SHARED.parameters,
    data: SHARED.data,
  };

  /**
   * @param {HTMLElement} display
   * @param {any} trial
   * @param {() => void} loaded
   */
  async trial(display, { protocol, clock }, loaded) {
    const root = makeRoot(display, protocol);
    const machine = new Countdown(protocol.texts.ready, protocol.breaks.ready_s);
    const view = new CountdownView(root, protocol.screen);
    loaded();
    const items = await run(machine, view, { root, clock: clock ?? new Clock() });
    this.jsPsych.finishTrial({ items });
  }

  /** @param {any} trial */
  simulated({ protocol, clock }) {
    const machine = new Countdown(protocol.texts.ready, protocol.breaks.ready_s);
    const time = clock?.now() ?? 0;
    const ticked = { kind: "tick", time: time + protocol.breaks.ready_s };
    return { items: play(machine, [{ kind: "shown", time }, ticked]) };
  }
}

/** @param {string} question */
function simulatedEntry(question) {
  return SIMULATED_ENTRIES[/** @type {"age"} */ (question)] ?? "";
}

/**
 * Presses a key some time after something was shown, as a simulated person.
 * @param {any} jsPsych
 * @param {HTMLElement} root
 * @param {string} code
 * @param {string} key
 * @param {number} seconds
 */
export function pressLater(jsPsych, root, code, key, seconds) {
  jsPsych.pluginAPI.setTimeout(
    () => root.dispatchEvent(new KeyboardEvent("keydown", { code, key, bubbles: true })),
    1000 * seconds + 100,
  );
}
