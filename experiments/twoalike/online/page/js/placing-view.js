/** Draws images that are placed: the images, their places, buttons, lines of text and the timer. */

import { fitted, make, picture, setLine, setMessage, setText, View } from "./look.js";

const PROMPT_SCALES = [1, 0.85, 0.7];
const PROMPT_LINES = { false: 1.5, true: 3.5 }; // that have room in a wide and an upright window
const DIRECTIONS = ["left", "right", "up", "down"];

export class PlacingView extends View {
  /** `hands` take the events; `settings` have the colours of the places, which lie below all else. */
  constructor(root, { protocol, images, machine, hands }, settings, ...places) {
    super();
    const { answers, screen, texts } = protocol;
    const { layout } = machine;
    Object.assign(this, { root, protocol, images, hands, layout });
    const { done_keys, start_over_keys, magnify_keys, next_keys, previous_keys } = answers;
    const keys = [...done_keys, ...start_over_keys, ...magnify_keys, ...next_keys, ...previous_keys];
    this.keys = new Set([...DIRECTIONS, ...keys]);
    this.items = new Map();
    this.prompt = make("p", { class: "prompt", dir: "auto" });
    this.counter = make("p", { class: "counter", role: "status", dir: "auto" });
    this.buttons = Object.fromEntries(
      ["done", "start_over"].map((name) => {
        const button = make("button", { type: "button", class: name, tabindex: "-1", dir: "auto" });
        return [name, this.press(button, { kind: name })];
      }),
    );
    this.magnified = make("div", { class: "magnified", hidden: "" });
    this.message = make("div", { class: "message", hidden: "" });
    const lines = [this.prompt, this.timer.element, ...Object.values(this.buttons), this.counter];
    this.stage = make("div", { class: "stage" }, ...places, ...lines, this.magnified);
    this.stage.classList.toggle("upright", layout.upright);
    [this.stage.style.width, this.stage.style.height] = layout.size.map((length) => `${length}px`);
    setText(root, screen, layout.size);
    const { fill, line, rim, held_rim, outside_rim } = settings;
    const colours = { line, "rim-inside": rim, "rim-held": held_rim, "rim-outside": outside_rim };
    if (fill !== "theme") colours.fill = fill;
    for (const [name, one] of Object.entries(colours)) root.style.setProperty(`--${name}`, one);
    root.classList.add("twoalike-placing");
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", texts.prompt);
    root.tabIndex = -1;
    root.replaceChildren(this.stage, this.message);
    root.focus({ preventScroll: true });
  }

  /** Images and texts keep their places to each other: all is scaled to a window that changes. */
  resize(width, height) {
    const [wide, high] = this.layout.size;
    const scale = Math.min(width / wide, height / high);
    this.hands.scale = Math.abs(scale - 1) < 0.005 ? 1 : scale;
    this.stage.style.transform = `translate(-50%, -50%) scale(${this.hands.scale})`;
  }

  draw(scene) {
    const over = scene.kind === "page";
    this.scene = scene;
    this.stage.hidden = over;
    this.message.hidden = !over;
    if (over) setMessage(this.message, scene, this.send);
    else this.drawPlaces(scene);
  }

  drawPlaces({ images, buttons, prompt, counter, magnified }) {
    images.forEach((placed, at) => this.#drawImage(placed, at));
    for (const [name, button] of Object.entries(this.buttons)) {
      const { text, enabled } = buttons.find((one) => one.name === name) ?? {};
      button.hidden = text === undefined;
      button.textContent = text ?? "";
      button.setAttribute("aria-disabled", String(!enabled));
    }
    if (this.prompt.textContent !== prompt) {
      const room = PROMPT_LINES[this.layout.upright] * this.layout.text;
      setLine(this.prompt, prompt, this.layout.text, PROMPT_SCALES, room);
    }
    if (this.counter.textContent !== counter) this.counter.textContent = counter;
    this.#drawMagnified(magnified);
    this.root.classList.toggle("holding", images.some(({ rim }) => rim === "held"));
  }

  #drawImage(placed, at) {
    const words = JSON.stringify([placed, at]);
    const item = this.items.get(placed.stimulus) ?? this.#addImage(placed.stimulus);
    if (item.words === words) return;
    item.words = words;
    const { element, image } = item;
    [image.width, image.height] = fitted(image, placed.size);
    element.style.zIndex = String(at);
    moveTo(element, placed);
    element.dataset.rim = placed.rim;
  }

  #addImage(id) {
    const image = picture(this.images, id);
    const element = make("div", { class: "item" }, image);
    this.stage.append(element);
    const item = { element, image, words: "" };
    this.items.set(id, item);
    return item;
  }

  #drawMagnified(id) {
    this.magnified.hidden = id === null;
    if (id === null || this.magnified.dataset.id === id) return;
    this.magnified.dataset.id = id;
    const image = picture(this.images, id);
    [image.width, image.height] = fitted(image, this.layout.magnified);
    this.magnified.replaceChildren(image);
  }
}

/** Puts an element's middle at a point from the middle of the window, y up. */
export function moveTo(element, { x, y }) {
  element.style.transform = `translate(-50%, -50%) translate(${x}px, ${-y}px)`;
}
