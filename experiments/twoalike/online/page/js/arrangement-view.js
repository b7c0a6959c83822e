/** Draws an arrangement: the circle, and how much of the session is over. */

import { make, makeBar } from "./look.js";
import { moveTo, PlacingView } from "./placing-view.js";

export class ArrangementView extends PlacingView {
  constructor(root, parts) {
    const { centre, radius, heights } = parts.machine.layout;
    const circle = make("div", { class: "place circle" });
    const progress = makeBar("progressbar");
    super(root, parts, "arena", parts.protocol.arena, circle, progress.element);
    this.progress = progress;
    moveTo(progress.element, 0, heights.progress);
    moveTo(circle, ...centre);
    circle.style.width = circle.style.height = `${2 * radius}px`;
  }

  drawTrial(scene) {
    super.drawTrial(scene);
    const { element, fill } = this.progress;
    element.hidden = scene.progress === null;
    fill(scene.progress);
    const percent = Math.round(100 * scene.progress);
    element.setAttribute("aria-valuenow", String(percent));
    element.setAttribute("aria-label", `${percent} %`);
  }
}
