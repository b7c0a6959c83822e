/** Draws the scenes of an arrangement: circle, images, buttons, lines of text and bars. */

import { between, luminance, make, makeBar, setLine, setMessage, setText } from "./look.js";

const PROMPT_SCALES = [1, 0.85, 0.7];
const FRAME_PX = 12; // around an image that is shown large
const READABLE = 4.5; // contrast of text
const DIRECTIONS = ["left", "right", "up", "down"];

/** Font of the page's texts measures their widths. */
export function measureIn(root) {
  const context = document.createElement("canvas").getContext("2d");
  const family = getComputedStyle(root).fontFamily;
  return (text, height) => {
    context.font = `${height}px ${family}`;
    return context.measureText(text).width;
  };
}

/** The wanted colour of letters if it is readable, else black or white. */
function readableOn(ground, wanted) {
  const contrast = (colour) => {
    const [low, high] = [luminance(ground), luminance(colour)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  if (contrast(wanted) >= READABLE) return wanted;
  return contrast("#ffffff") > contrast("#000000") ? "#ffffff" : "#000000";
}

/** An image as large as it is shown, so that moving it costs nothing. */
function drawn(image, side) {
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
  const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
  const canvas = make("canvas", { "aria-hidden": "true" });
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Put an element's middle at a point from the middle of the window, y up. */
function moveTo(element, x, y) {
  element.style.transform = `translate(-50%, -50%) translate(${x}px, ${-y}px)`;
}

export class ArrangementView {
  constructor(root, protocol, layout, images, hands) {
    Object.assign(this, { root, protocol, layout, images, hands });
    const { answers } = protocol;
    this.keys = new Set([
      ...DIRECTIONS,
      ...answers.done_keys,
      ...answers.start_over_keys,
      ...answers.magnify_keys,
      ...answers.next_keys,
      ...answers.previous_keys,
    ]);
    this.items = new Map();
    this.buttons = new Map();
    this.#build();
    this.#colour();
  }

  #build() {
    const { root, layout, protocol } = this;
    this.circle = make("div", { class: "circle" });
    this.prompt = make("p", { class: "prompt", dir: "auto" });
    this.counter = make("p", { class: "counter", role: "status", dir: "auto" });
    this.timer = makeBar("none");
    this.progress = makeBar("progressbar");
    this.magnified = make("div", { class: "magnified", hidden: "" });
    this.message = make("div", { class: "message", hidden: "" });
    const bars = [this.timer.element, this.progress.element];
    bars.forEach((bar) => bar.classList.add("placed"));
    this.arena = make("div", { class: "stage" }, this.circle, this.prompt, this.counter, ...bars);
    [this.arena.style.width, this.arena.style.height] = layout.size.map((length) => `${length}px`);
    this.#place();
    root.classList.add("twoalike-arrangement");
    root.setAttribute("role", "application");
    root.setAttribute("aria-label", protocol.texts.prompt);
    root.tabIndex = -1;
    root.replaceChildren(this.arena, this.message);
    root.focus({ preventScroll: true });
  }

  /** Put what never moves in its place. */
  #place() {
    const { layout } = this;
    const { lines, centre, radius } = layout;
    setText(this.root, this.protocol.screen, layout.size);
    const heights = [
      [this.prompt, lines.prompt],
      [this.counter, lines.counter],
      [this.timer.element, lines.timer],
      [this.progress.element, lines.progress],
    ];
    for (const [element, y] of heights) moveTo(element, 0, y);
    moveTo(this.circle, ...centre);
    this.circle.style.width = this.circle.style.height = `${2 * radius}px`;
    this.magnified.style.padding = `${FRAME_PX}px`;
  }

  #colour() {
    const { arena, screen } = this.protocol;
    const { style } = this.root;
    if (arena.fill !== "theme") style.setProperty("--fill", arena.fill);
    const faint = between(screen.background, screen.foreground, 0.25);
    const colours = {
      "--line": arena.line,
      "--rim-inside": arena.rim,
      "--rim-held": arena.held_rim,
      "--rim-outside": arena.outside_rim,
      "--ink-done": readableOn(screen.accent, "#ffffff"),
      "--ink-off": readableOn(faint, screen.foreground),
    };
    for (const [name, colour] of Object.entries(colours)) style.setProperty(name, colour);
  }

  connect(send) {
    this.send = send;
  }

  /** Images and texts keep their places to each other: all is scaled to a window that changes. */
  resize(width, height) {
    const [wide, high] = this.layout.size;
    const scale = Math.min(width / wide, height / high);
    this.hands.scale = Math.abs(scale - 1) < 0.005 ? 1 : scale;
    this.arena.style.transform = `translate(-50%, -50%) scale(${this.hands.scale})`;
  }

  draw(scene) {
    const shows = scene.kind === "arena";
    this.scene = scene;
    this.arena.hidden = !shows;
    this.message.hidden = shows;
    if (shows) this.#drawArena(scene);
    else setMessage(this.message, scene, this.send);
  }

  #drawArena(scene) {
    scene.images.forEach((placed, at) => this.#drawImage(placed, at));
    scene.buttons.forEach((button) => this.#drawButton(button));
    this.#say(scene.prompt);
    this.#write(this.counter, scene.counter, this.layout.counterWidth);
    this.timer.element.hidden = scene.until === null;
    this.#drawProgress(scene.progress);
    this.#drawMagnified(scene.magnified);
    this.root.classList.toggle("holding", scene.images.some(({ rim }) => rim === "held"));
  }

  #drawImage(placed, at) {
    const words = JSON.stringify([placed, at]);
    const item = this.items.get(placed.stimulus) ?? this.#addImage(placed.stimulus);
    if (item.words === words) return;
    item.words = words;
    const { element } = item;
    const scale = placed.size / (this.layout.item * this.protocol.arena.held_scale);
    element.style.zIndex = String(at);
    element.style.transform =
      `translate(-50%, -50%) translate(${placed.x}px, ${-placed.y}px) scale(${scale})`;
    element.dataset.rim = placed.rim;
  }

  /** Drawn once, for its larger size, which is the one looked at. */
  #addImage(id) {
    const side = this.layout.item * this.protocol.arena.held_scale;
    const element = make("div", { class: "item" }, drawn(this.#image(id), side));
    element.style.setProperty("--grown", String(this.protocol.arena.held_scale));
    this.arena.append(element);
    const item = { element, words: "" };
    this.items.set(id, item);
    return item;
  }

  #image(id) {
    const image = this.images.get(id);
    if (!image) throw new Error(`the page has no image of ${id}`);
    return image;
  }

  #drawButton({ name, text, enabled }) {
    const button = this.buttons.get(name) ?? this.#addButton(name);
    this.#write(button.firstChild, text, this.layout.done.width - this.layout.text / 2);
    button.setAttribute("aria-disabled", String(!enabled));
  }

  #addButton(name) {
    const { done, startOver } = this.layout;
    const box = name === "done" ? done : startOver;
    const label = make("span", { dir: "auto" });
    const button = make("button", { type: "button", class: name, tabindex: "-1" }, label);
    moveTo(button, box.x, box.y);
    button.style.width = `${box.width}px`;
    button.style.height = `${box.height}px`;
    // A press counts where it is, as all do; a click without a pointer is that of an aid.
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", (event) => {
      if (event.detail === 0) this.send({ kind: "press", x: box.x, y: box.y, ...AID }, event);
    });
    this.arena.append(button);
    this.buttons.set(name, button);
    return button;
  }

  /** Set a line, smaller where it needs more room. */
  #write(element, words, room) {
    if (element.textContent === words) return;
    element.textContent = words;
    element.style.fontSize = "";
    const share = Math.min(1, room / element.offsetWidth);
    if (share < 1) element.style.fontSize = `${share * this.layout.text}px`;
  }

  /** Set the prompt, smaller where it needs more room. */
  #say(words) {
    if (this.prompt.textContent === words) return;
    const { text, lines } = this.layout;
    const room = 2 * Math.min(lines.prompt - lines.timer, this.layout.size[1] / 2 - lines.prompt);
    setLine(this.prompt, words, text, PROMPT_SCALES, room);
  }

  #drawProgress(share) {
    const bar = this.progress.element;
    bar.hidden = share === null;
    if (share === null) return;
    this.progress.fill(share);
    const percent = Math.round(100 * share);
    bar.setAttribute("aria-valuenow", String(percent));
    bar.setAttribute("aria-label", `${percent} %`);
  }

  #drawMagnified(id) {
    this.magnified.hidden = id === null;
    if (id === null || this.magnified.dataset.id === id) return;
    this.magnified.dataset.id = id;
    this.magnified.replaceChildren(drawn(this.#image(id), this.layout.magnified));
    this.arena.append(this.magnified);
  }


  frame(time) {
    const until = this.scene?.until;
    if (until) this.timer.fill((until.end - time) / until.length);
  }
}

const AID = { button: "left", pointer: "mouse" };
