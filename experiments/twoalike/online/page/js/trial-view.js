/** What views of trials share: cross, prompt, timer, images, and the page afterwards. */

import { isKeyless } from "./device.js";
import { placeImages, textHeight } from "./layout.js";
import { fitted, make, makeBar, picture, setMessage, setText } from "./look.js";

const LABEL = 1.6; // height of the line below an image, in lines of text
const MARGIN_PX = 8; // around all
let count = 0;

export class View {
  constructor(root, parts, shows) {
    Object.assign(this, { root, shows, ...parts });
    this.cross = make("div", { class: "cross", "aria-hidden": "true" });
    this.id = `twoalike-trial-${(count += 1)}`;
    const { prompt } = this.protocol.texts;
    this.prompt = make("p", { class: "prompt", id: this.id, role: "status", dir: "auto" }, prompt);
    this.timer = makeBar("none");
    this.stage = make("div", { class: "stage" }, this.prompt, this.timer.element);
    this.message = make("div", { class: "message" });
    root.replaceChildren(this.stage, this.cross, this.message);
    for (const part of root.children) part.hidden = true; // until the first frame
  }

  /** Pointers answer as they press; a click without one is that of a keyboard or of an aid. */
  press(button, event) {
    button.dataset.own = "";
    button.addEventListener("pointerdown", (cause) => {
      if (cause.button === 0) this.send({ ...event, method: methodOf(cause) }, cause);
    });
    button.addEventListener("click", (cause) => {
      if (cause.detail === 0) this.send({ ...event, method: "keyboard" }, cause);
    });
    button.addEventListener("mousedown", (cause) => cause.preventDefault()); // focus stays
    return button;
  }

  point(element, name) {
    const at = (there) => (event) => this.send({ kind: "point", name: there, method: methodOf(event) }, event);
    element.addEventListener("pointermove", at(name));
    element.addEventListener("pointerleave", at(null));
    return element;
  }

  draw(scene) {
    this.scene = scene;
    this.cross.hidden = !(scene.cross || scene.kind === "fixation");
    this.stage.hidden = scene.kind !== this.shows;
    this.message.hidden = scene.kind !== "page";
    if (scene.kind === "page") setMessage(this.message, scene, this.send);
    if (this.stage.hidden) return;
    const said = scene.verdict || scene.prompt;
    if (this.prompt.textContent !== said) this.prompt.textContent = said || "\u00a0"; // keeps its line
    this.drawTrial(scene);
  }

  frame(time) {
    const until = this.scene?.until ?? null;
    const shows = until !== null && time >= until.since;
    this.timer.element.style.visibility = shows ? "visible" : "hidden";
    if (shows) this.timer.fill((until.end - time) / until.length);
  }
}

export class TrialView extends View {
  constructor(root, parts, shows) {
    super(root, parts, shows);
    this.shown = this.machine.row.map((id) => picture(this.images, id));
    this.masks = (this.machine.masks ?? []).map((id) => picture(this.images, id));
    this.row = make("div", { class: "row", role: "group", "aria-labelledby": this.id });
    this.stage.append(this.row);
    root.classList.add("twoalike-trial");
  }

  /** The image at a place: a button where it is an answer or plays a sound. */
  box(at, label, answer = null) {
    const name = this.machine.row[at];
    const sound = this.speaker?.files[name];
    const words = [label, sound?.text].filter(Boolean).join(": ");
    const box = answer || sound
      ? this.press(make("button", { type: "button", "aria-label": words }), { kind: "hear", name, ...answer })
      : make("div");
    if (sound) this.point(box, name);
    box.classList.add("image");
    box.append(this.shown[at], ...this.masks.slice(at, at + 1));
    return box;
  }

  resize(width, height) {
    const { stage, row, protocol, shown, measured } = this;
    const window = [Math.floor(width), Math.floor(height)];
    setText(this.root, protocol.screen, window);
    const { hidden } = stage;
    stage.hidden = false; // so that it has a height
    row.style.height = stage.style.minHeight = this.prompt.style.minHeight = "0";
    // The longest line keeps its room, so that images stay where they are; it is written over when drawn.
    this.prompt.textContent = this.speaker ? protocol.texts.listen : protocol.texts.prompt;
    this.prompt.style.minHeight = `${this.prompt.offsetHeight}px`;
    const space = [width - 2 * MARGIN_PX, height - stage.offsetHeight - 2 * MARGIN_PX];
    stage.style.minHeight = "";
    const labels = this.labelled && !isKeyless();
    const label = labels ? Math.round(LABEL * textHeight(protocol.screen, window)) : 0;
    const found = placeImages(protocol, shown.length, window, space, label, measured);
    [row.style.width, row.style.height] = found.size.map((length) => `${length}px`);
    const { corners, side, size } = found;
    [...row.children].forEach((place, at) => {
      const [left, top] = corners[at].map((length) => `${length}px`);
      Object.assign(place.style, { left, top, width: `${side}px` });
      place.style.setProperty("--side", `${side}px`);
      const away = corners[at].map((from, axis) => `${(size[axis] - side) / 2 - from}px`);
      place.style.setProperty("--to-middle", away.join(" "));
      for (const image of [shown[at], this.masks[at] ?? shown[at]]) {
        [image.width, image.height] = fitted(image, side);
      }
    });
    /** Places as they are read, by which keys play sounds. */
    this.machine.reading = [...corners.keys()].sort(
      (one, other) => corners[one][1] - corners[other][1] || corners[one][0] - corners[other][0],
    );
    stage.hidden = hidden;
  }
}

export const methodOf = ({ pointerType }) => (pointerType === "mouse" ? "mouse" : "touch");
