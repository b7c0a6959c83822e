// What a browser makes of a report: sizes, and what covers what in its figures.
({
  laidOut() {
    for (const fold of document.querySelectorAll("details")) fold.open = true;
    const over = [...document.querySelectorAll("p, h1, h2, h3, img, dl, ul, figure, nav")]
      .filter(box => !box.closest(".scroll, nav") && box.getBoundingClientRect().right > innerWidth + 1)
      .map(box => `${box.tagName} ${(box.alt || box.textContent).slice(0, 40)}`);
    const images = [...document.images].map(
      image => [image.alt, image.naturalWidth, image.getBoundingClientRect().width]);
    return {width: innerWidth, page: document.documentElement.scrollWidth, over, images};
  },
  covered() {
    const found = [];
    const uris = [...document.querySelectorAll("figure img")].map(image => image.getAttribute("src"));
    const narrow = [...document.querySelectorAll("figure source")].map(source => source.getAttribute("srcset"));
    for (const uri of [...uris, ...narrow]) {
      const svg = decodeURIComponent(uri.slice(uri.indexOf(",") + 1));
      const drawn = document.importNode(new DOMParser().parseFromString(svg, "image/svg+xml").documentElement, true);
      document.body.append(drawn);
      const marks = [...drawn.querySelectorAll("g[id^=text_], image")].map(mark => [mark, mark.getBoundingClientRect()]);
      marks.forEach(([one, a], k) => {
        for (const [other, b] of marks.slice(0, k)) {
          const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          if (wide > 1 && high > 1) found.push([uri.length, one.id, other.id, wide, high, a.width]);
        }
      });
      drawn.remove();
    }
    return found;
  },
  found(words) {
    const search = document.querySelector("nav input");
    search.value = words;
    search.dispatchEvent(new Event("input"));
    return [...document.querySelectorAll("main > section:not([hidden], #summary)")].map(section => section.id);
  },
  saved(ending) {
    const click = HTMLAnchorElement.prototype.click;
    return new Promise(done => {
      HTMLAnchorElement.prototype.click = function () {
        HTMLAnchorElement.prototype.click = click;
        done([this.download, this.getAttribute("href").slice(0, 24)]);
      };
      document.querySelector(`[data-figure$=".${ending}"]`).click();
    });
  },
})
