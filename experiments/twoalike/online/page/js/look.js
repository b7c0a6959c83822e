/**
 * What all views share: colours and sizes of the protocol as custom properties of CSS, elements,
 * and texts with headings and paragraphs.
 */

import { round, textHeight } from "./layout.js";

function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
}

function luminance(colour) {
  const [red, green, blue] = channels(colour).map((c) =>
    c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function between(first, second, share) {
  const other = channels(second);
  const mixed = channels(first).map((c, at) => (1 - share) * c + share * other[at]);
  return `rgb(${mixed.map((c) => round(255 * c))})`;
}

function setColours(element, { background, foreground, accent }) {
  const light = luminance(background) > luminance(foreground);
  const colours = {
    "--background": background,
    "--foreground": foreground,
    "--accent": accent,
    "--ink": luminance(accent) > 0.18 ? "#000000" : "#ffffff", // readable on the accent
    "--faint": between(background, foreground, 0.25),
    "--rim": between(background, foreground, 0.5),
    "--fill": between(background, light ? "#ffffff" : "#000000", 0.6),
  };
  for (const [name, value] of Object.entries(colours)) element.style.setProperty(name, value);
}

export function setText(element, screen, size) {
  const text = textHeight(screen, size);
  element.style.setProperty("--text", `${text}px`);
  element.style.setProperty("--thick", `${Math.max(2, Math.round(text / 14))}px`);
}

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export function makeRoot(parent, protocol) {
  const root = make("div", { class: "twoalike", lang: protocol.language });
  setColours(root, protocol.screen);
  parent.replaceChildren(root);
  return root;
}

/**
 * Headings and paragraphs of a text: a line that begins with # and a space is a heading, an empty
 * line begins a paragraph, and any other line end begins a line.
 */
export function paragraphs(text) {
  const apart = text.trim().replace(/^#+[^\S\n]+.*$/gm, "\n$&\n").trim();
  return apart.split(/\n\s*\n/).filter(Boolean).map((block) => {
    const heading = /^#+[^\S\n]+(.*)$/.exec(block);
    if (heading) return make("h1", { dir: "auto" }, heading[1]);
    const lines = block.split("\n").flatMap((line) => [make("br"), line]);
    return make("p", { dir: "auto" }, ...lines.slice(1));
  });
}

export function setMessage(element, { text, footer }, send) {
  if (element.firstChild) return;
  const attributes = { type: "button", class: "push", "data-own": "", "aria-label": footer };
  const button = make("button", attributes, "→");
  button.addEventListener("click", (event) => send({ kind: "key", key: "space" }, event));
  element.append(
    make("div", { class: "words large", role: "alert" }, ...paragraphs(text)),
    button,
    make("p", { class: "footer keys-only" }, footer),
  );
}

export function makeBar(role, attributes = {}) {
  const full = make("div", { class: "full" });
  const element = make("div", { class: "bar", role, ...attributes }, full);
  return { element, fill: (share) => (full.style.width = `${100 * Math.min(1, Math.max(0, share))}%`) };
}

/**
 * The picture of an object, ready to be put into the page; its id is not in it.
 *
 * A picture that is in the page already is copied.
 */
export function picture(images, id) {
  const found = images.get(id);
  if (!found) throw new Error(`the page has no image of ${id}`);
  const image = found.isConnected ? found.cloneNode() : found;
  image.alt = "";
  image.decoding = "sync";
  image.draggable = false;
  return image;
}

export function fitted(image, side) {
  const scale = side / Math.max(image.naturalWidth, image.naturalHeight);
  const even = (length) => Math.max(2, Math.round((length * scale) / 2) * 2);
  return [even(image.naturalWidth), even(image.naturalHeight)];
}
