"use strict";
// The report reads without this script: it adds the search, the place in the contents, and files of figures.

const links = [...document.querySelectorAll("nav a")];
const sections = links.map(link => document.getElementById(link.hash.slice(1)));

const inView = new Set();
const watcher = new IntersectionObserver(changes => {
  for (const change of changes) inView[change.isIntersecting ? "add" : "delete"](change.target);
  const first = sections.find(section => inView.has(section));
  links.forEach((link, k) => {
    if (sections[k] === first) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
}, {rootMargin: "-12% 0px -60%"});
sections.forEach(section => watcher.observe(section));

const [search, found] = document.querySelectorAll("nav input, nav output");
const wordsOf = section =>
  [section.textContent, ...[...section.querySelectorAll("img")].map(image => image.alt)].join(" ").toLowerCase();
const words = sections.map(wordsOf);
search.hidden = found.hidden = false;
search.addEventListener("input", () => {
  const asked = search.value.trim().toLowerCase();
  const hits = words.map(text => text.includes(asked));
  sections.forEach((section, k) => section.hidden = links[k].hidden = !hits[k]);
  found.textContent = asked && `${hits.filter(Boolean).length} of ${sections.length} sections`;
});

function save(name, uri) {
  Object.assign(document.createElement("a"), {download: name, href: uri}).click();
}
for (const button of document.querySelectorAll("[data-figure]")) {
  const image = button.closest("figure").querySelector("img");
  const name = button.dataset.figure;
  button.hidden = false;
  button.addEventListener("click", async () => {
    if (name.endsWith(".svg")) return save(name, image.getAttribute("src"));
    const wide = Object.assign(new Image(), {src: image.getAttribute("src")});
    await wide.decode();
    const canvas = document.createElement("canvas");
    const scale = 300 / 96;  // pixels of print by those of CSS
    Object.assign(canvas, {width: wide.naturalWidth * scale, height: wide.naturalHeight * scale});
    const brush = canvas.getContext("2d");
    brush.fillStyle = "white";
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(wide, 0, 0, canvas.width, canvas.height);
    save(name, canvas.toDataURL());
  });
}
