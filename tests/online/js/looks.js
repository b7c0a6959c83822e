/** What players ask a page (player.py, engines.py): an expression, whose members are functions. */
({
  /**
   * What a participant sees at once: page, question, countdown, images, arena; and whether the page takes an
   * answer yet.
   */
  state() {
    const {step, trial} = document.body.dataset;
    const has = (selector) => document.querySelector(selector) !== null;
    const open = (element) => element !== null && element.getAttribute("aria-disabled") !== "true";
    const seen = (element) => element !== null && element.checkVisibility();
    if (step === undefined) return null;
    if (step === "enter" || step === "end") return {step, kind: step, open: step === "end"};
    if (trial !== undefined) return {step, trial: Number(trial), kind: "arrangement", open: true};
    if (has(".twoalike-countdown")) return {step, kind: "countdown", open: false};
    if (has(".twoalike-trial")) {
      const message = document.querySelector(".twoalike-trial .message button");
      if (seen(message)) return {step, kind: "page", open: true};
      const image = document.querySelector(".twoalike-trial .image");
      const asks = document.querySelector(".twoalike-trial .prompt").textContent.trim() !== "";
      const disabled = has(".image[aria-disabled=true], .stage[data-open=false]");
      return {step, kind: "choice", open: asks && seen(image) && !disabled};
    }
    if (has(".twoalike-page .options, .twoalike-page form")) {
      return {step, kind: "question", open: open(document.querySelector(".twoalike-page button"))};
    }
    const text = document.querySelector(".twoalike-page .words")?.textContent;
    return {step, kind: "page", text, open: open(document.querySelector(".twoalike-page .push"))};
  },

  /** Middle of the nth thing of a kind that the page shows, scrolled to; null while there is none. */
  middle(selector, number) {
    const element = [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility())
      .at(number);
    if (!element) return null;
    element.scrollIntoView({block: "nearest"});
    const {x, y, width, height} = element.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  },

  /** Whether a sound is heard, in a choice of one `again`; null where none is left to hear. */
  listening(again) {
    const playing = document.querySelector(".twoalike-trial img.marked, .item[data-rim=playing]");
    const prompt = document.querySelector(".prompt")?.textContent ?? "";
    const waits = /^First hear/.test(prompt);
    if (again) return playing !== null && prompt.trim() !== "" && !document.querySelector("[aria-pressed]");
    return waits ? playing !== null : null;
  },

  /** Selects what the field has that is written in, so that typing replaces it. */
  selected() {
    const field = document.activeElement;
    if (!field.matches(".entry")) return null;
    field.select();
    return true;
  },

  /** Code of the participant, as soon as the page has it. */
  async entered() {
    const done = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const [{name}] = await indexedDB.databases();
    const database = await done(indexedDB.open(name));
    const entry = await done(database.transaction("state").objectStore("state").get("entry"));
    database.close();
    return entry?.person?.participant;
  },

  /** What is wrong with a page: small targets, parts that are cut off, words about keys on a phone. */
  faults(touch) {
    const faults = [];
    const seen = (one) => one.checkVisibility({opacityProperty: true, visibilityProperty: true});
    const all = (what) => [...document.querySelectorAll(what)].filter(seen);
    const name = (one) => one.className || one.tagName;
    const room = [innerWidth, innerHeight].map((one) => one + 1);
    if (document.scrollingElement.scrollWidth > innerWidth) faults.push("wider than the window");
    for (const one of all("button, a, input, textarea, .item")) {
      const box = (one.closest("label") ?? one).getBoundingClientRect();
      const {left, top, right, bottom, width, height} = box;
      if (Math.min(width, height) < 44) faults.push(`${name(one)}: ${width} x ${height}`);
      const scrolls = one.closest(".twoalike-page");
      const out = left < -1 || right > room[0] || (!scrolls && (top < -1 || bottom > room[1]));
      if (out) faults.push(`${name(one)} at ${[left, top, right, bottom]}`);
    }
    const words = document.body.innerText;
    const said = touch && /\bkeys?\b|\bpress\b(?! ")|space bar|arrow|\bmouse\b|\bclick/i.exec(words);
    if (said) faults.push(words.slice(said.index - 20, said.index + 30));
    return faults.length ? faults : null;
  },
})
