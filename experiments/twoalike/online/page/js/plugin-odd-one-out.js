/**
 * Plugin of jsPsych for one choice among images: the odd one out, or the candidate that is more
 * like a reference. Answers are given by keys, mouse, pen or finger.
 */

import { ChoiceMachine, labelsAt } from "./choice.js";
import { Clock } from "./clock.js";
import { run } from "./driver.js";
import { ParameterType } from "./jspsych-types.js";
import { layOut } from "./layout.js";
import { decoded, fitted, make, makeBar, makeRoot, paragraphs, picture, setText } from "./look.js";
import { SHARED, VERSION, Plugin, play, pressLater } from "./pages.js";
import { playTone } from "./tones.js";

const LARGE = 1.3;
/** Scales of a line above the images, from the first that fits its place on. */
const SCALES = [LARGE, 1, 0.85];
const KEY_OF = { left: "ArrowLeft", down: "ArrowDown", right: "ArrowRight" };
let count = 0;

/** Draws the scenes of a ChoiceMachine; images are placed by its layout. */
class ChoiceView {
  /**
   * @param {HTMLElement} root
   * @param {any} protocol
   * @param {import("./choice.js").Trial} trial
   * @param {Map<string, HTMLImageElement>} images
   * @param {ChoiceMachine} machine
   * @param {import("./layout.js").Measured | null} measured
   */
  constructor(root, protocol, trial, images, machine, measured) {
    Object.assign(this, { root, protocol, trial, images, machine, measured });
    const id = `twoalike-choice-${(count += 1)}`;
    this.cross = make("div", { class: "cross", "aria-hidden": "true" });
    this.prompt = make("p", { class: "prompt", id, role: "status" });
    this.timer = makeBar("none");
    this.timer.element.classList.add("timer");
    this.places = machine.layout.places.map((place) => this.#makePlace(place));
    const answers = { class: "row", role: "group", "aria-labelledby": id };
    const boxes = this.places.flatMap(({ box, label }) => [box, label]);
    this.row = make("div", answers, ...boxes);
    this.message = make("div", { class: "message" });
    const parts = [this.cross, this.row, this.timer.element, this.message];
    for (const part of parts) part.hidden = true; // until the first frame
    root.classList.add("twoalike-choice");
    root.replaceChildren(this.prompt, ...parts);
    this.#place();
  }

  /**
   * An image at a place: a button where it is an answer.
   * @param {string} place
   */
  #makePlace(place) {
    const answers = place in this.machine.keys && this.protocol.answers.mouse;
    const name = labelsAt(this.protocol, [place])[0] || place;
    const box = answers
      ? make("button", { type: "button", class: "image", "aria-label": name })
      : make("div", { class: "image" });
    const image = picture(this.images, this.machine.row[this.machine.layout.places.indexOf(place)]);
    box.append(image);
    // A click without a pointer is that of a keyboard or of an aid; pointers answer as they press.
    box.addEventListener("click", (event) => {
      if (answers && event.detail === 0) this.send({ kind: "pick", place }, event);
    });
    const label = make("p", { class: "label keys-only", dir: "auto" });
    return { place, box, image, label };
  }

  /** @param {import("./page-views.js").Send} send */
  connect(send) {
    this.send = send;
  }

  /** @param {number} width @param {number} height */
  resize(width, height) {
    const n = this.trial.stimuli.length;
    /** @type {[number, number]} */
    const size = [Math.floor(width), Math.floor(height)];
    this.machine.layout = layOut(this.protocol, size, n, this.measured);
    this.#place();
  }

  /** Puts everything where the layout has it. */
  #place() {
    const { layout } = this.machine;
    setText(this.root, this.protocol.screen, layout.size);
    for (const { place, box, image, label } of this.places) {
      moveTo(box, layout.centres[place]);
      box.style.width = box.style.height = `${layout.image}px`;
      [image.width, image.height] = fitted(image, layout.image);
      moveTo(label, layout.labels[place]);
      label.style.width = `${layout.label_widths[place]}px`;
    }
    moveTo(this.prompt, [0, layout.prompt_y]);
    moveTo(this.timer.element, [0, layout.timer_y]);
    const frame = Math.max(4, Math.floor(layout.text / 4));
    const outer = Math.max(...Object.values(layout.centres).map(([x]) => Math.abs(x)));
    const room = (layout.size[0] - layout.image) / 2 - outer; // beside the outermost image
    this.root.style.setProperty("--frame", `${frame}px`);
    this.root.style.setProperty("--frame-offset", `${Math.min(frame, Math.floor(room) - frame)}px`);
  }

  /** @param {import("./choice.js").Scene} scene */
  draw(scene) {
    this.scene = scene;
    const shown = scene.kind === "row";
    this.cross.hidden = scene.kind !== "fixation";
    this.row.hidden = !shown;
    this.timer.element.hidden = true;
    this.#say(shown ? scene.verdict || scene.prompt : "");
    if (shown) this.#drawRow(scene);
    this.message.hidden = scene.kind !== "page";
    if (scene.kind === "page" && !this.message.firstChild) this.#drawMessage(scene);
  }

  /** @param {import("./choice.js").ImageRow} scene */
  #drawRow(scene) {
    this.places.forEach(({ box, image, label }, at) => {
      const name = scene.images[at];
      box.classList.toggle("empty", name === null);
      image.classList.toggle("marked", name !== null && scene.marked.includes(name));
      label.textContent = scene.labels[at] ?? "";
      if (box instanceof HTMLButtonElement) {
        box.setAttribute("aria-disabled", String(!this.machine.choosing));
      }
    });
  }

  /** Sets the line above the images, smaller where it needs more room. @param {string} words */
  #say(words) {
    if (this.prompt.textContent !== words) this.prompt.textContent = words;
    for (const scale of SCALES) {
      this.prompt.style.fontSize = `${Math.round(scale * this.machine.layout.text)}px`;
      if (this.prompt.offsetHeight <= this.machine.layout.prompt_room) return;
    }
  }

  /** Page after the time limit. @param {import("./choice.js").Page} page */
  #drawMessage(page) {
    const words = { type: "button", class: "push", "data-own": "", "aria-label": page.footer };
    const button = make("button", words, "→");
    button.addEventListener("click", (event) => this.send({ kind: "go_on" }, event));
    this.message.append(
      make("div", { class: "words large", role: "alert" }, ...paragraphs(page.text)),
      button,
      make("p", { class: "footer keys-only" }, page.footer),
    );
  }

  /** @param {number} time */
  frame(time) {
    if (this.machine.tone !== null && !this.played) {
      this.played = true;
      playTone(this.machine.tone);
    }
    const until = this.scene?.kind === "row" ? this.scene.until : null;
    this.timer.element.hidden = until === null || time < until.since;
    if (until !== null) this.timer.fill((until.end - time) / until.length);
  }
}

/**
 * Moves an element's middle to a point from the middle of the window, y up.
 * @param {HTMLElement} element
 * @param {import("./layout.js").Point} point
 */
function moveTo(element, [x, y]) {
  element.style.left = `calc(50% + ${x}px)`;
  element.style.top = `calc(50% - ${y}px)`;
}

/** One trial of choices. */
export class OddOneOutPlugin extends Plugin {
  static info = {
    name: "twoalike-odd-one-out",
    version: VERSION,
    parameters: {
      ...SHARED.parameters,
      /**
       * trial_index, trial_type (practice, main, ...), stimuli (ids), positions (place of each:
       * left, middle, right, or 1 to 6), expected (number of the right answer from 1, in practice
       * with feedback) and anchored (whether the first is a reference).
       */
      trial: { type: ParameterType.COMPLEX, default: undefined },
      /** px_per_cm and distance_cm of the screen, for images sized in degrees. */
      measured: { type: ParameterType.COMPLEX, default: null },
    },
    data: {
      ...SHARED.data,
      /** Place that was chosen; null after the time limit. */
      response: { type: ParameterType.STRING },
      /** Response time in ms from the first frame of the images; null after the time limit. */
      rt: { type: ParameterType.FLOAT },
    },
  };

  /**
   * @param {HTMLElement} display
   * @param {any} parameters
   * @param {() => void} loaded
   * @param {boolean} [simulated]
   */
  async trial(display, { trial, protocol, images, clock, measured }, loaded, simulated = false) {
    const root = makeRoot(display, protocol);
    const found = await decoded(images, trial.stimuli);
    const machine = this.#machine(trial, protocol, measured);
    const view = new ChoiceView(root, protocol, trial, found, machine, measured);
    loaded();
    if (simulated) this.#answerLater(root, machine);
    const items = await run(machine, view, { root, clock: clock ?? new Clock() });
    this.jsPsych.finishTrial({ items, ...answerOf(machine) });
  }

  /**
   * @param {any} trial
   * @param {any} protocol
   * @param {import("./layout.js").Measured | null} measured
   */
  #machine(trial, protocol, measured) {
    /** @type {[number, number]} */
    const size = [globalThis.innerWidth ?? 1280, globalThis.innerHeight ?? 800];
    const layout = layOut(protocol, size, trial.stimuli.length, measured);
    return new ChoiceMachine(trial, protocol, layout);
  }

  /** A place that can be answered with, and a time in s. @param {ChoiceMachine} machine */
  #drawn(machine) {
    const { randomization } = this.jsPsych;
    const places = machine.trial.positions.filter((place) => place in machine.keys);
    const least = machine.protocol.timing.minimum_rt_s;
    return {
      place: randomization.sampleWithoutReplacement(places, 1)[0],
      seconds: least + randomization.sampleExGaussian(500, 100, 1 / 300, true) / 1000,
    };
  }

  /** @param {HTMLElement} root @param {ChoiceMachine} machine */
  #answerLater(root, machine) {
    const { place, seconds } = this.#drawn(machine);
    const name = machine.keys[place][0];
    const key = KEY_OF[/** @type {"left"} */ (name)] ?? name;
    pressLater(this.jsPsych, root, "", key, machine.protocol.timing.fixation_s + seconds);
  }

  /** @param {any} parameters */
  simulated({ trial, protocol, clock, measured }) {
    const machine = this.#machine(trial, protocol, measured);
    const { place, seconds } = this.#drawn(machine);
    const begun = clock?.now() ?? 0;
    const onset = begun + protocol.timing.fixation_s;
    const key = machine.keys[place][0];
    const answered = Math.min(seconds, protocol.timing.response_limit_s || Infinity);
    const items = play(machine, [
      { kind: "shown", time: begun, dropped: 0, planned: begun },
      { kind: "tick", time: onset },
      { kind: "shown", time: onset, dropped: 0, planned: onset },
      { kind: "key", time: onset + answered, key },
    ]);
    return { items, ...answerOf(machine) };
  }
}

/** @param {ChoiceMachine} machine */
function answerOf({ answer }) {
  return { response: answer?.position ?? null, rt: answer ? 1000 * answer.response_time : null };
}

export default OddOneOutPlugin;
