/**
 * Pages, questions and countdowns as elements of the page, which screen readers and keyboards
 * know. A long text scrolls; its end must have been in view before the page can be left.
 */

import { fitted, make, makeBar, paragraphs, picture, setText } from "./look.js";

const SLACK = 2;
const PAGE = 0.9;
const MOST_HEIGHT = 0.28;
let count = 0;

class TextView {
  keys = new Set();

  constructor(root, { protocol, step, machine }) {
    Object.assign(this, { root, protocol, step, machine });
    const { text } = step;
    this.id = `twoalike-text-${(count += 1)}`;
    const rtl = /^\P{L}*[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(text);
    this.arrow = rtl ? "←" : "→";
    this.words = make("div", { class: "words", id: this.id }, ...paragraphs(text));
    this.column = make("div", { class: "column" }, this.words);
    this.scroller = make("div", { class: "scroller", tabindex: "-1" }, this.column);
    this.foot = make("div", { class: "foot" });
    root.classList.add("twoalike-page");
    root.replaceChildren(this.scroller, this.foot);
  }

  resize(width, height) {
    setText(this.root, this.protocol.screen, [width, height]);
    this.fit?.(width, height);
    this.words.classList.add("large");
    if (this.scrolls) this.words.classList.remove("large");
    this.scroller.tabIndex = this.scrolls ? 0 : -1;
  }

  get scrolls() {
    return this.scroller.scrollHeight > this.scroller.clientHeight + SLACK;
  }

  watch() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    const atEnd = scrollTop + clientHeight >= scrollHeight - SLACK;
    if (atEnd && !this.machine.read) this.send({ kind: "read" });
  }
}

export class PageView extends TextView {
  constructor(root, parts) {
    super(root, parts);
    const { step, protocol, images } = parts;
    this.pictures = (step.images ?? []).map((id) => picture(images, id));
    if (this.pictures.length) {
      this.column.append(make("div", { class: "examples" }, ...this.pictures));
    }
    if (step.progress) this.foot.append(...progress(step));
    const name = step.footer || protocol.texts.go_on;
    /** It looks as if it cannot be pressed until that counts. */
    this.button = make("button", { type: "button", class: "push", "data-own": "", "aria-label": name }, this.arrow);
    this.button.addEventListener("click", (event) => this.#press(event));
    this.foot.append(this.button, make("p", { class: "footer keys-only" }, step.footer ?? ""));
  }

  draw() {
    this.scroller.focus({ preventScroll: true });
  }

  #press(event) {
    if (this.machine.read) this.send({ kind: "go_on" }, event);
    else this.scroller.scrollBy({ top: PAGE * this.scroller.clientHeight });
  }

  fit(width, height) {
    const n = this.pictures.length;
    const side = Math.round(Math.min(width / (n + 2), MOST_HEIGHT * height) / 2) * 2;
    for (const image of this.pictures) [image.width, image.height] = fitted(image, side);
  }

  frame(time) {
    this.watch();
    const { read } = this.machine;
    const arrow = read ? this.arrow : "↓";
    if (this.button.textContent !== arrow) this.button.textContent = arrow;
    this.button.setAttribute("aria-disabled", String(read && !this.machine.mayLeave(time)));
  }
}

function progress({ progress: [done, total], caption }) {
  const values = { "aria-valuemin": 0, "aria-valuemax": total, "aria-valuenow": done };
  const bar = makeBar("progressbar", { ...values, "aria-label": caption || `${done} / ${total}` });
  bar.fill(done / total);
  return caption ? [bar.element, make("p", { class: "caption" }, caption)] : [bar.element];
}

export class QuestionView extends TextView {
  boxes = [];

  constructor(root, parts) {
    super(root, parts);
    const { question } = this.step;
    this.remark = make("p", { class: "remark", role: "alert", id: `${this.id}-remark` });
    const { choose, choose_several: choices, write: long_text, slide: slider, enter } = this.protocol.texts;
    const footers = { choice: choose, likert: choose, choices, long_text, slider, matrix: "" };
    const fields = { choice: "push", likert: "push", choices: "box", slider: "slider", matrix: "matrix" };
    this.column.append(...this[fields[question] ?? "entry"]());
    this.buttons = this.column.querySelectorAll("button");
    this.foot.append(make("p", { class: "footer keys-only" }, footers[question] ?? enter));
  }

  on(field, type, event) {
    field.addEventListener(type, (cause) => this.send(event(), cause));
    return field;
  }

  form(...fields) {
    const { finish, go_on } = this.protocol.texts;
    const done = make("button", { type: "submit", class: "push", "data-own": "" }, finish);
    if (!/\p{L}/u.test(finish)) done.setAttribute("aria-label", go_on);
    const form = make("form", { novalidate: "" }, ...fields, done, this.remark);
    form.addEventListener("submit", (event) => event.preventDefault());
    return [this.on(form, "submit", () => ({ kind: "confirm" }))];
  }

  options(answer, about = this.id) {
    const { options, labels, question } = this.step;
    const made = (labels ?? options).map((words, at) => {
      const seen = { class: "number keys-only", "aria-hidden": "true" };
      const number = make("span", seen, String(at + 1));
      return answer(at, [number, make("span", { dir: "auto" }, words)]);
    });
    const kind = ["likert", "matrix"].includes(question) ? "options scale" : "options";
    return make("div", { class: kind, role: "group", "aria-labelledby": about }, ...made);
  }

  push() {
    const button = (option, words) => {
      const label = make("span", { class: "label" }, ...words);
      const made = make("button", { type: "button", class: "option", "data-own": "" }, label);
      return this.on(made, "click", () => ({ kind: "pick", option }));
    };
    return [this.options(button)];
  }

  box() {
    const box = (option, [number, words]) => {
      const made = this.on(make("input", { type: "checkbox" }), "change", () => ({ kind: "toggle", option }));
      this.boxes.push(made);
      const label = make("span", { class: "label" }, number, made, words);
      return make("label", { class: "option", "data-own": "" }, label);
    };
    const group = this.options(box);
    group.addEventListener("change", () => this.tick([...this.machine.marked])); // too early, it does not count
    return this.form(group);
  }

  tick(marked) {
    this.boxes.forEach((box, at) => (box.checked = marked.includes(at)));
  }

  slider() {
    const { id, limits, options, labels } = this.step;
    const [min, max] = limits;
    const shown = make("output", {}, "–");
    const own = { "data-own": "", "aria-labelledby": this.id, "aria-describedby": `${this.id}-ends` };
    const value = Math.floor((min + max) / 2); // browsers would clamp that of 0 to 100
    const field = make("input", { type: "range", min, max, value, class: "unset", ...own });
    const set = () => {
      field.classList.remove("unset");
      shown.textContent = field.value;
      return { kind: "rate", name: id, value: Number(field.value) };
    };
    this.field = this.on(this.on(field, "input", set), "click", set); // also at its start
    const words = (labels ?? options).map((one) => make("span", { dir: "auto" }, one));
    return this.form(shown, field, make("div", { class: "ends", id: `${this.id}-ends` }, ...words));
  }

  matrix() {
    const rows = this.step.rows.flatMap(([name, text]) => {
      const about = make("p", { id: `${this.id}-${name}`, dir: "auto" }, text);
      const point = (option, [number, words]) => {
        const spoken = words.textContent || String(option + 1);
        const box = make("input", { type: "radio", name: about.id, "aria-label": spoken });
        this.on(box, "change", () => ({ kind: "rate", name, value: option + 1 }));
        const label = make("span", { class: "label" }, box, words.textContent ? words : number);
        return make("label", { class: "option", "data-own": "" }, label);
      };
      return [about, this.options(point, about.id)];
    });
    return this.form(...rows);
  }

  entry() {
    const { question: kind, limits } = this.step;
    const long = kind === "long_text";
    this.field = make(long ? "textarea" : "input", {
      class: "entry",
      "data-own": "",
      "aria-labelledby": this.id,
      "aria-describedby": this.remark.id,
      autocomplete: "off",
      maxlength: kind.endsWith("text") ? limits[1] : 20,
      ...(long && { rows: 7 }),
      ...(["age", "number"].includes(kind) && { inputmode: "numeric" }),
    });
    this.on(this.field, "input", () => ({ kind: "entered", entry: this.field.value }));
    return this.form(this.field);
  }

  draw(scene) {
    this.remark.textContent = scene.remark;
    this.field?.setAttribute("aria-invalid", String(scene.remark !== ""));
    this.tick(scene.marked);
    if (this.begun) return;
    this.begun = true;
    const first = this.scrolls ? this.scroller : (this.field ?? this.scroller);
    first.focus({ preventScroll: true });
  }

  frame(time) {
    this.watch();
    const waits = String(!this.machine.mayLeave(time));
    for (const button of this.buttons) button.setAttribute("aria-disabled", waits);
  }
}

export class CountdownView {
  constructor(root, { protocol }) {
    Object.assign(this, { root, protocol });
    this.word = make("p", { class: "ready" });
    this.number = make("p", { class: "seconds", role: "timer" });
    root.classList.add("twoalike", "twoalike-countdown");
    root.replaceChildren(this.word, this.number);
  }

  resize(width, height) {
    setText(this.root, this.protocol.screen, [width, height]);
  }

  draw({ text, seconds }) {
    this.word.textContent = text;
    this.number.textContent = seconds;
  }
}
