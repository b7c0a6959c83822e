/** Draws an arrangement: the circle, and how much of the session is over. */

import { make, makeBar } from "./look.js";
import { moveTo, PlacingView } from "./placing-view.js";

export class ArrangementView extends PlacingView {
  constructor(root, parts) {
    const circle = make("div", { class: "circle" });
    const progress = makeBar("progressbar");
    progress.element.classList.add("progress");
    super(root, parts, parts.protocol.arena, circle, progress.element);
    this.progress = progress;
    const { centre, radius } = this.layout;
    moveTo(circle, { x: centre[0], y: centre[1] });
    circle.style.width = circle.style.height = `${2 * radius}px`;
  }

  drawPlaces(scene) {
    super.drawPlaces(scene);
    const { element, fill } = this.progress;
    element.hidden = scene.progress === null;
    fill(scene.progress);
    const percent = Math.round(100 * scene.progress);
    element.setAttribute("aria-valuenow", String(percent));
    element.setAttribute("aria-label", `${percent} %`);
  }
}
