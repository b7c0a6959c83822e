// Shows steps one after the other in a page, without a course.
import { Clock } from "./js/clock.js";
import { run } from "./js/driver.js";
import { makeRoot } from "./js/look.js";
import { SHOWN } from "./js/shown.js";

const display = document.getElementById("page");

async function decoded([id, address]) {
  const image = Object.assign(new Image(), { src: address });
  await image.decode();
  return [id, image];
}

/** Shows one step; what it gave is in `window.data` when it is over. */
window.show = async ({ what, addresses, ...given }) => {
  window.data = null;
  const images = new Map(await Promise.all(Object.entries(addresses).map(decoded)));
  const root = makeRoot(display, given.protocol);
  const { machine, view } = SHOWN[what](root, { measured: null, ...given, images });
  const items = [];
  await run(machine, view, { root, clock: new Clock(), heard: (fresh) => items.push(...fresh) });
  display.replaceChildren();
  window.data = { items };
};
