/** Draws a rating: two images, the scale below them, and the button that ends the answer. */

import { make } from "./look.js";
import { methodOf, TrialView } from "./trial-view.js";

const NOTCH_PX = 100; // of the wheel

export class RatingView extends TrialView {
  constructor(root, parts) {
    super(root, parts, "rating");
    const { scale, texts, answers } = this.protocol;
    this.row.append(...this.shown.map((_, at) => this.box(at, at + 1)));
    const each = texts.labels.length > 0;
    const words = (each ? texts.labels : [texts.low, texts.high]).map((text) =>
      make("span", { dir: "auto" }, text),
    );
    const ends = make("div", { class: each ? "ends each" : "ends", "aria-hidden": "true" }, ...words);
    const control = this.machine.slides ? this.#makeSlider() : this.#makePoints();
    this.done = this.press(make("button", { type: "button", class: "push" }), { kind: "done" });
    this.done.hidden = !this.machine.hasButton;
    const answer = make("div", { class: "answer" }, control, ends, this.done);
    const wide = this.machine.slides
      ? `max(${100 * scale.length}vw, 300px)`
      : `calc(${scale.points} * ${each ? 7 : 4} * var(--text))`;
    answer.style.setProperty("--wide", wide);
    answer.inert = !answers.mouse; // keys work all the same
    this.stage.append(answer);
  }

  #makePoints() {
    const { scale, texts } = this.protocol;
    this.points = Array.from({ length: scale.points }, (_, at) => {
      const ends = { 0: texts.low, [scale.points - 1]: texts.high };
      const name = [at + 1, texts.labels[at] ?? ends[at]].filter(Boolean).join(": ");
      const attributes = { type: "button", class: "push", "aria-label": name };
      const button = make("button", attributes, scale.numbers ? String(at + 1) : "");
      return this.press(button, { kind: "choose", point: at + 1 });
    });
    return make("div", { class: "points", role: "group", "aria-labelledby": this.id }, ...this.points);
  }

  #makeSlider() {
    const { scale, answers } = this.protocol;
    const range = { type: "range", min: 0, max: 1, step: "any", "data-own": "" };
    this.slider = make("input", { ...range, "aria-labelledby": this.id });
    this.number = make("output", { "aria-hidden": "true" });
    this.number.hidden = !scale.show_number;
    let method = "keyboard";
    this.slider.addEventListener("pointerdown", (event) => {
      method = methodOf(event);
      this.send({ kind: "grip", method }, event);
    });
    this.slider.addEventListener("change", () => (method = "keyboard"));
    this.slider.addEventListener("input", (event) => {
      this.send({ kind: "slide", value: Number(this.slider.value), method }, event);
      this.slider.value = this.machine.value; // also where it came too early
    });
    this.slider.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.repeat) this.send({ kind: "key", key: "return" }, event);
    });
    const turn = (event) => this.send({ kind: "scroll", notches: -event.deltaY / NOTCH_PX }, event);
    if (answers.wheel) this.root.addEventListener("wheel", turn, { passive: true });
    return make("div", { class: "line" }, this.slider, this.number);
  }

  drawTrial({ value, button, marked = [] }) {
    this.shown.forEach((image, at) => image.classList.toggle("marked", marked.includes(this.machine.row[at])));
    this.points?.forEach((one, at) => one.setAttribute("aria-pressed", String(value === at + 1)));
    if (this.slider) {
      this.slider.value = value;
      this.number.textContent = Math.round(100 * value);
    }
    this.stage.dataset.open = String(!this.machine.decided);
    this.done.style.visibility = button ? "visible" : "hidden";
    if (button) this.done.textContent = button;
    this.done.setAttribute("aria-disabled", String(value === null));
  }
}
