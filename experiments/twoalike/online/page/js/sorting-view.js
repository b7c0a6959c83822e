/** Draws a sorting: images that lie ready, piles, and the field for a pile's name. */

import { make } from "./look.js";
import { moveTo, PlacingView } from "./placing-view.js";

/** Element that is as large as a box, and where it is. */
function boxed(name, box) {
  const element = make("div", { class: name });
  moveTo(element, box);
  Object.assign(element.style, { width: `${box.width}px`, height: `${box.height}px` });
  return element;
}

export class SortingView extends PlacingView {
  constructor(root, parts) {
    const { tray, cells } = parts.machine.layout;
    const piles = cells.map((box) => boxed("pile", box));
    const entry = make("input", { class: "entry", type: "text", autocomplete: "off", "data-own": "" });
    const question = make("label", { dir: "auto" }, make("span"), entry);
    const asked = boxed("asked", tray);
    asked.append(question);
    super(root, parts, parts.protocol.piles, boxed("tray", tray), ...piles, asked);
    Object.assign(this, { piles, asked, entry, question: question.firstChild });
    this.machine = parts.machine;
    entry.addEventListener("input", (event) => {
      this.send({ kind: "name", text: entry.value }, event);
    });
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.repeat || event.isComposing) return;
      this.send({ kind: "done", method: "keyboard" }, event);
    });
  }

  connect(send) {
    super.connect((event, cause) => {
      send(event, cause);
      const { entry } = this.machine; // at once: the next letter belongs to the next name
      if (this.entry.value !== entry) this.entry.value = entry;
    });
  }

  drawPlaces(scene) {
    const asks = scene.entry !== null;
    super.drawPlaces({ ...scene, prompt: asks ? "" : scene.prompt });
    this.piles.forEach((pile, at) => {
      pile.textContent = scene.names[at];
      pile.classList.toggle("target", at === scene.target);
    });
    const begins = asks && this.asked.hidden;
    this.asked.hidden = !asks;
    if (!asks) return;
    if (this.question.textContent !== scene.prompt) this.question.textContent = scene.prompt;
    if (begins) this.entry.focus({ preventScroll: true });
  }
}
