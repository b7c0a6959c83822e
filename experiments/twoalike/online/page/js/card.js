/** Measures the screen: the participant fits a frame to a bank card (ISO/IEC 7810 ID-1). */

import { make, paragraphs } from "./look.js";
import { panel } from "./panels.js";

const CARD_CM = [8.56, 5.398];
const START_PX = 324; // of a screen with 96 pixels an inch
const RANGE_PX = [150, 900];
/** Nobody measures the distance online: at 57 cm, one centimetre is one degree. */
const DISTANCE_CM = 57;

export function measureScreen(root, texts) {
  const frame = make("div", { class: "card-frame" });
  const slider = make("input", {
    type: "range",
    min: RANGE_PX[0],
    max: RANGE_PX[1],
    step: 1,
    value: START_PX,
    "aria-label": texts.card,
  });
  const fit = () => {
    const sides = [slider.value, (slider.value * CARD_CM[1]) / CARD_CM[0]];
    if (window.innerHeight > window.innerWidth) sides.reverse(); // a phone is narrower than a card
    [frame.style.width, frame.style.height] = sides.map((side) => `${side}px`);
  };
  slider.addEventListener("input", fit);
  fit();
  const done = make("button", { type: "button", class: "push" }, texts.card_done);
  panel(root, ...paragraphs(texts.card), frame, slider, done);
  slider.focus();
  return new Promise((resolve) => {
    done.addEventListener("click", () => {
      root.replaceChildren();
      resolve({ px_per_cm: Number(slider.value) / CARD_CM[0], distance_cm: DISTANCE_CM });
    });
  });
}
