/** Draws one choice among images: the odd one, two that are alike, one more like a reference. */

import { make } from "./look.js";
import { TrialView } from "./trial-view.js";

export class ChoiceView extends TrialView {
  labelled = true;

  constructor(root, parts) {
    super(root, parts, "row");
    const { machine, protocol } = this;
    this.places = machine.places.map((place, at) => {
      const answers = place in machine.keys && protocol.answers.mouse;
      const box = this.box(at, machine.labels[at] || place, answers ? { kind: "pick", place } : null);
      const label = make("p", { class: "label keys-only", dir: "auto" });
      this.row.append(make("div", {}, box, label));
      return { box, image: this.shown[at], label };
    });
  }

  drawTrial(scene) {
    const { presentation, decided } = this.machine;
    this.row.classList.toggle("centred", scene.centred);
    this.places.forEach(({ box, image, label }, at) => {
      const name = scene.images[at];
      const marked = name !== null && scene.marked.includes(name);
      const words = scene.labels[at] ?? "";
      const blank = name === null && words !== ""; // where an image was that is answered by its place
      box.classList.toggle("blank", blank);
      box.classList.toggle("empty", name === null && !blank && (decided || !presentation));
      image.classList.toggle("unseen", name === null || scene.masked);
      this.masks[at]?.classList.toggle("unseen", name === null || !scene.masked);
      image.classList.toggle("marked", marked);
      label.textContent = blank ? "" : words;
      if (!(box instanceof HTMLButtonElement)) return;
      box.setAttribute("aria-disabled", String(decided));
      if (this.machine.trial.n_chosen === 2) box.setAttribute("aria-pressed", String(marked));
    });
  }
}
