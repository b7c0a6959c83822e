/** Draws one choice among images: the odd one out, or the candidate more like a reference. */

import { labelsAt } from "./choice.js";
import { layOut } from "./layout.js";
import { fitted, make, makeBar, paragraphs, picture, setText } from "./look.js";

const LARGE = 1.3;
/** Scales of a line above the images, from the first that fits its place on. */
const SCALES = [LARGE, 1, 0.85];
let count = 0;

/** Draws the scenes of a ChoiceMachine; images are placed by its layout. */
export class ChoiceView {
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

  /** An image at a place: a button where it is an answer. */
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

  connect(send) {
    this.send = send;
  }

  resize(width, height) {
    const n = this.trial.stimuli.length;
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

  /** Sets the line above the images, smaller where it needs more room. */
  #say(words) {
    if (this.prompt.textContent !== words) this.prompt.textContent = words;
    for (const scale of SCALES) {
      this.prompt.style.fontSize = `${Math.round(scale * this.machine.layout.text)}px`;
      if (this.prompt.offsetHeight <= this.machine.layout.prompt_room) return;
    }
  }

  /** Page after the time limit. */
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

  frame(time) {
    const until = this.scene?.kind === "row" ? this.scene.until : null;
    this.timer.element.hidden = until === null || time < until.since;
    if (until !== null) this.timer.fill((until.end - time) / until.length);
  }
}

/** Moves an element's middle to a point from the middle of the window, y up. */
function moveTo(element, [x, y]) {
  element.style.left = `calc(50% + ${x}px)`;
  element.style.top = `calc(50% - ${y}px)`;
}
