/** Panels, dialogs and the status line around the session; texts stay texts. */

import { make, paragraphs } from "./look.js";

export function filled(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}

/**
 * Show a panel in place of what is on the page; its heading is the page's title, for those who
 * hear it.
 */
export function panel(root, ...children) {
  const heading = make("h1", { class: "heard" }, document.title);
  root.replaceChildren(make("section", { class: "panel" }, heading, ...children));
}

const ABOUT = ["lab", "duration", "payment", "devices", "contact", "withdrawal"];

/** Buttons of the languages of a study. */
export function languageButtons({ language, languages }, choose) {
  const buttons = languages.map((lang) => {
    const name = new Intl.DisplayNames([lang], { type: "language" }).of(lang);
    const chosen = String(lang === language);
    const made = make("button", { type: "button", class: "push", lang, "aria-pressed": chosen }, name);
    made.addEventListener("click", () => choose(lang));
    return made;
  });
  return make("nav", {}, ...buttons);
}

export function aboutStudy(texts) {
  const line = (name) => make("p", {}, make("b", {}, texts[`${name}_label`]), "\n", texts[name]);
  return ABOUT.filter((name) => texts[name]).map(line);
}

/**
 * Show something over everything else, until the function that is returned is called: no key
 * closes it.
 */
export function showOver(...children) {
  const dialog = make("dialog", { class: "dialog" }, ...children);
  const again = () => dialog.showModal(); // a second Esc closes whatever the page says
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("close", again);
  document.body.append(dialog);
  dialog.showModal();
  return () => {
    dialog.removeEventListener("close", again);
    dialog.close();
    dialog.remove();
  };
}

export async function confirmOver(text, label, pressed = async () => {}) {
  const button = make("button", { type: "button", class: "push" }, label);
  const close = showOver(...paragraphs(text), button);
  await new Promise((resolve, reject) => {
    button.addEventListener("click", () => pressed().then(resolve, reject));
  });
  close();
}

export async function waitOver(text) {
  const words = make("p", { "aria-live": "polite" });
  const close = showOver(words);
  for (let found; (found = text()) !== null; ) {
    words.textContent = found;
    await new Promise((resolve) => window.addEventListener("resize", resolve, { once: true }));
  }
  close();
}

export class Status {
  constructor(line) {
    this.line = line;
    this.words = new Map();
  }

  say(about, text) {
    this.words.delete(about);
    if (text !== null) this.words.set(about, text);
    const shown = [...this.words.values()].at(-1) ?? "";
    if (this.line.textContent !== shown) this.line.textContent = shown;
  }
}
