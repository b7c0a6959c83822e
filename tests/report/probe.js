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
  // Names, order of headings, landmarks, keys and contrast: what axe-core found nothing wrong with.
  inaccessible() {
    const all = what => [...document.querySelectorAll(what)].filter(one => one.checkVisibility());
    const faults = ["main", "nav", "h1"].filter(one => all(one).length !== 1);
    for (const one of all("a, button, input, summary, [tabindex], nav, section, img")) {
      const name = one.getAttribute("aria-label") ?? one.alt ?? one.textContent;
      const keys = one.matches("a[href], button, input, summary, [tabindex]");
      if (!name.trim() || keys && one.tabIndex < 0) faults.push(one.outerHTML.slice(0, 80));
    }
    const levels = all("h1, h2, h3, h4").map(one => Number(one.tagName[1]));
    levels.forEach((level, k) => level > (levels[k - 1] ?? 0) + 1 && faults.push(`heading ${k}: ${level}`));
    const numbers = colour => colour.match(/[\d.]+/g).map(Number);
    const light = colour => numbers(colour).slice(0, 3).map(of => of / 255)
      .map(of => of <= 0.04045 ? of / 12.92 : ((of + 0.055) / 1.055) ** 2.4)
      .reduce((sum, of, k) => sum + of * [0.2126, 0.7152, 0.0722][k], 0);
    const opaque = one => one === null ? "rgb(255, 255, 255)"
      : (numbers(getComputedStyle(one).backgroundColor)[3] ?? 1) ? getComputedStyle(one).backgroundColor
      : opaque(one.parentElement);
    for (const one of all("body *")) {
      if (![...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())) continue;
      const [a, b] = [light(getComputedStyle(one).color), light(opaque(one))].sort((x, y) => y - x);
      if ((a + 0.05) / (b + 0.05) < 4.5) faults.push(`${one.tagName} ${(a + 0.05) / (b + 0.05)}`);
    }
    return faults;
  },
  armed(selector) {
    HTMLAnchorElement.prototype.click = function () { document.title = this.download; };
    document.querySelector(selector).focus();
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
