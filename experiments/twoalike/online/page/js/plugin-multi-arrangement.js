/**
 * Plugin of jsPsych for one arrangement: images are dragged into a circle, so that alike ones are
 * close. Mouse, finger, pen and keys alone all do.
 */

import { layOutArena } from "./arena.js";
import { ArrangementView, measureIn } from "./arrangement-view.js";
import { Arrangement } from "./arrangement.js";
import { Clock } from "./clock.js";
import { run } from "./driver.js";
import { Fingers } from "./fingers.js";
import { ParameterType } from "./jspsych-types.js";
import { decoded, makeRoot } from "./look.js";
import { Plugin, SHARED, VERSION, play } from "./pages.js";

const SIMULATED_S = 0.6; // from one image to the next
const SIMULATED_RADIUS = 0.45;

/** One arrangement. */
export class MultiArrangementPlugin extends Plugin {
  static info = {
    name: "twoalike-multi-arrangement",
    version: VERSION,
    parameters: {
      ...SHARED.parameters,
      /**
       * trial_index, trial_type, items (ids), seats (order: seat of each item; rotation of the
       * ring in degrees), scheduler, min_evidence, mean_evidence and progress (null where they are
       * not known): what `Arranging` gives.
       */
      trial: { type: ParameterType.COMPLEX, default: undefined },
    },
    data: {
      ...SHARED.data,
      /** Final places in the order of the trial's items: x and y, the circle's diameter is 1. */
      places: { type: ParameterType.COMPLEX, array: true },
      /** Time in ms from the first frame of the images to the end. */
      rt: { type: ParameterType.FLOAT },
    },
  };

  /**
   * @param {HTMLElement} display
   * @param {object} parameters
   * @param {() => void} loaded
   * @param {boolean} [simulated] Whether a simulated person arranges.
   */
  async trial(display, { trial, protocol, images, clock }, loaded, simulated = false) {
    const root = makeRoot(display, protocol);
    const found = await decoded(images, trial.items);
    const { width, height } = root.getBoundingClientRect();
    const size = [Math.floor(width), Math.floor(height)];
    const layout = layOutArena(protocol, size, trial.items.length, measureIn(root));
    const machine = new Arrangement(trial, protocol, layout);
    const hands = new Fingers(machine, protocol.answers.magnify_button);
    const view = new ArrangementView(root, protocol, layout, found, hands);
    loaded();
    if (simulated) this.#arrangeLater(machine, view);
    const items = await run(hands, view, { root, clock: clock ?? new Clock() });
    this.jsPsych.finishTrial({ items, ...resultOf(machine) });
  }

  #arrangeLater(machine, view) {
    for (const event of simulatedEvents(machine)) {
      const later = { ...event };
      delete later.time; // that of the clock when it comes
      this.jsPsych.pluginAPI.setTimeout(() => view.send(later), 1000 * event.time);
    }
  }

  simulated({ trial, protocol, clock }) {
    const size = [globalThis.innerWidth ?? 1280, globalThis.innerHeight ?? 800];
    const about = (text, height) => (text.length * height) / 2;
    const layout = layOutArena(protocol, size, trial.items.length, about);
    const machine = new Arrangement(trial, protocol, layout);
    const begun = clock?.now() ?? 0;
    const shown = { kind: "shown", time: begun, dropped: 0, planned: begun };
    const events = simulatedEvents(machine);
    const timed = events.map((event) => ({ ...event, time: begun + event.time }));
    return { items: play(machine, [shown, ...timed]), ...resultOf(machine) };
  }
}

/** Events that drag every image into the circle and press Done; times in s from the onset. */
function simulatedEvents({ protocol, layout, places }) {
  const pointer = { button: "left", pointer: "mouse" };
  const events = places.flatMap(([x, y], item) => {
    const time = (item + 1) * SIMULATED_S;
    const radius = SIMULATED_RADIUS * Math.sqrt(Math.random());
    const angle = 2 * Math.PI * Math.random();
    const [toX, toY] = layout.toPixels(radius * Math.cos(angle), radius * Math.sin(angle));
    return [
      { kind: "press", time, x, y, ...pointer },
      { kind: "release", time: time + SIMULATED_S / 2, x: toX, y: toY, ...pointer },
    ];
  });
  const { minimum_s } = protocol.timing;
  const end = Math.max(minimum_s, (places.length + 1) * SIMULATED_S) + SIMULATED_S;
  const done = { kind: "press", ...pointer, x: layout.done.x, y: layout.done.y };
  const presses = protocol.answers.confirm_done ? [0, SIMULATED_S] : [0];
  return [...events, ...presses.map((after) => ({ ...done, time: end + after }))];
}

function resultOf({ result }) {
  return { places: result.places, rt: 1000 * (result.ending.time - result.onset) };
}

export default MultiArrangementPlugin;
