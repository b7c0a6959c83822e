/** Draws a sorting: piles, and the tray where images lie ready and names are asked for. */

import { make } from "./look.js";
import { moveTo, PlacingView } from "./placing-view.js";

const ABOVE = 2.5; // from the field for a name up to the question, in lines of text

function boxed(kind, { x, y, width, height }, ...children) {
  const element = make("div", { class: `place ${kind}`, dir: "auto" }, ...children);
  moveTo(element, x, y);
  Object.assign(element.style, { width: `${width}px`, height: `${height}px` });
  return element;
}

export class SortingView extends PlacingView {
  constructor(root, parts) {
    const { tray, cells } = parts.machine.layout;
    const piles = cells.map((box) => boxed("pile", box));
    const entry = make("input", { class: "entry", autocomplete: "off", "data-own": "" });
    super(root, parts, "piles", parts.protocol.piles, boxed("tray", tray, entry), ...piles);
    entry.setAttribute("aria-labelledby", this.id);
    entry.hidden = true;
    Object.assign(this, { piles, entry });
    entry.addEventListener("input", (event) => {
      this.send({ kind: "name", text: entry.value }, event);
    });
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.repeat || event.isComposing) return;
      this.send({ kind: "done", method: "keyboard" }, event);
    });
    // At once after each event: the next letter belongs to the next name.
    for (const type of ["input", "keydown", "pointerdown", "click"]) this.stage.addEventListener(type, () => this.write());
  }

  write() {
    const { entry } = this.machine;
    if (this.entry.value !== entry) this.entry.value = entry;
  }

  drawTrial(scene) {
    super.drawTrial(scene);
    this.piles.forEach((pile, at) => {
      pile.textContent = scene.names[at];
      pile.classList.toggle("target", at === scene.target);
    });
    this.write();
    if (scene.entry === null || !this.entry.hidden) return;
    const { tray, text } = this.layout;
    moveTo(this.prompt, tray.x, tray.y + ABOVE * text);
    this.prompt.style.maxWidth = `${tray.width - text}px`;
    this.entry.hidden = false;
    this.entry.focus({ preventScroll: true });
  }
}
