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
      const name = machine.labels[at] || place;
      const box = answers
        ? this.press(make("button", { type: "button", "aria-label": name }), { kind: "pick", place })
        : make("div");
      box.classList.add("image");
      box.append(this.shown[at]);
      const label = make("p", { class: "label keys-only", dir: "auto" });
      this.row.append(make("div", { class: "place" }, box, label));
      return { box, image: this.shown[at], label };
    });
  }

  drawTrial(scene) {
    this.places.forEach(({ box, image, label }, at) => {
      const name = scene.images[at];
      const marked = name !== null && scene.marked.includes(name);
      box.classList.toggle("empty", name === null);
      image.classList.toggle("marked", marked);
      label.textContent = scene.labels[at] ?? "";
      if (!(box instanceof HTMLButtonElement)) return;
      box.setAttribute("aria-disabled", String(this.machine.decided));
      if (this.machine.trial.n_chosen === 2) box.setAttribute("aria-pressed", String(marked));
    });
  }
}
