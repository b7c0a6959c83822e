/** Draws images that are placed: the images, their places, buttons, lines of text and the timer. */

import { DIRECTIONS } from "./keys.js";
import { fitted, make, picture, setText } from "./look.js";
import { View } from "./trial-view.js";

export class PlacingView extends View {
  constructor(root, parts, shows, settings, ...places) {
    super(root, parts, shows);
    const { protocol, machine, stage } = this;
    const { done_keys, start_over_keys, magnify_keys, next_keys, previous_keys } = protocol.answers;
    const keys = [...done_keys, ...start_over_keys, ...magnify_keys, ...next_keys, ...previous_keys];
    this.keys = new Set([...Object.keys(DIRECTIONS), ...keys]);
    this.layout = machine.layout;
    this.items = new Map();
    this.counter = make("p", { class: "counter", role: "status", dir: "auto" });
    this.buttons = Object.fromEntries(
      ["done", "start_over"].map((name) => {
        const attributes = { type: "button", class: `push ${name}`, tabindex: "-1", dir: "auto" };
        return [name, this.press(make("button", attributes), { kind: name })];
      }),
    );
    this.magnified = make("div", { class: "magnified" });
    stage.prepend(...places);
    stage.append(this.counter, ...Object.values(this.buttons), this.magnified);
    const { size, heights } = this.layout;
    [stage.style.width, stage.style.height] = size.map((length) => `${length}px`);
    setText(root, protocol.screen, size);
    moveTo(this.prompt, 0, heights.prompt);
    moveTo(this.timer.element, 0, heights.timer);
    moveTo(this.counter, 0, heights.counter);
    const { rim, held_rim, outside_rim } = settings;
    this.rims = { inside: rim, held: held_rim, outside: outside_rim, playing: "var(--accent)" };
    root.style.setProperty("--line", settings.line);
    if (settings.fill !== "theme") root.style.setProperty("--fill", settings.fill);
    root.classList.add("twoalike-placing");
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", protocol.texts.prompt);
    root.tabIndex = -1;
    root.focus({ preventScroll: true });
  }

  /** Images and texts keep their places to each other: all is scaled to a window that changes. */
  resize(width, height) {
    const [wide, high] = this.layout.size;
    const scale = Math.min(width / wide, height / high);
    this.send({ kind: "focus", here: false }); // what is held stays where it is seen
    this.machine.scale = Math.abs(scale - 1) < 0.005 ? 1 : scale;
    this.stage.style.transform = `translate(-50%, -50%) scale(${this.machine.scale})`;
  }

  drawTrial({ images, buttons, counter, magnified }) {
    images.forEach((placed, at) => this.#drawImage(placed, at));
    for (const [name, button] of Object.entries(this.buttons)) {
      const { text, enabled } = buttons.find((one) => one.name === name) ?? {};
      button.hidden = text === undefined;
      button.textContent = text ?? "";
      button.setAttribute("aria-disabled", String(!enabled));
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
    const { element, image, canvas } = item;
    const sides = fitted(image, placed.size).map((length) => `${length}px`);
    [canvas.style.width, canvas.style.height] = sides;
    element.style.zIndex = String(at);
    element.style.setProperty("--rim", this.rims[placed.rim]);
    element.dataset.rim = placed.rim;
    moveTo(element, placed.x, placed.y);
  }

  /** Drawn once, about as large as it is held: a photograph of any size is moved at no cost. */
  #addImage(id) {
    const image = picture(this.images, id);
    const canvas = make("canvas", { "aria-hidden": "true" });
    const held = this.layout.item * this.layout.heldScale * devicePixelRatio;
    [canvas.width, canvas.height] = fitted(image, held);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const element = make("div", { class: "item" }, canvas);
    const sound = this.speaker?.files[id];
    if (sound) {
      const name = sound.text || String(this.#bare.indexOf(id) + 1);
      Object.entries({ role: "img", "aria-label": name }).forEach((one) => element.setAttribute(...one));
      if (!sound.text) element.append(make("b", { "aria-hidden": "true" }, name));
    }
    this.stage.append(element);
    const item = { element, image, canvas, words: "" };
    this.items.set(id, item);
    return item;
  }

  /** Sounds that look alike, in an order that tells nothing: they are numbered. */
  get #bare() {
    const { files } = this.speaker;
    const bare = this.machine.trial.items.filter((id) => files[id]?.text === "");
    return bare.sort((one, other) => (files[one].file < files[other].file ? -1 : 1));
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

export function moveTo(element, x, y) {
  element.style.transform = `translate(-50%, -50%) translate(${x}px, ${-y}px)`;
}
