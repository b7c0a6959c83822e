/**
 * One sorting under way: images go into piles and out of them (twoalike.tasks.free_sorting).
 *
 * Besides the events of placing.js it takes `name` (the name of a pile as written so far).
 */

import { filled } from "./panels.js";
import { countText, PlacingMachine } from "./placing.js";

const LONGEST_NAME = 60;

export class Sorting extends PlacingMachine {
  nowhere = { place_start: null, place: null };
  entry = "";
  #target = null; // where keys hold an image
  #names = new Map(); // by place
  #unnamed = false; // whether a name was asked for again

  constructor(trial, protocol, layout) {
    super(trial, protocol, layout);
    this.ready = layout.trayPlaces(trial.items.length);
    this.reset();
  }

  reset() {
    this.cells = this.trial.items.map(() => null);
    this.members = new Map();
    this.#settle();
  }

  #settle() {
    this.places = [...this.ready];
    this.sizes.fill(this.layout.item);
    for (const [cell, items] of this.members) {
      const { side, places } = this.layout.pilePlaces(cell, items.length);
      items.forEach((item, at) => {
        this.places[item] = places[at];
        this.sizes[item] = side;
      });
    }
  }

  inside(item) {
    return this.cells[item] !== null;
  }

  get used() {
    return [...this.members.keys()].filter((cell) => this.members.get(cell).length);
  }

  get #enough() {
    return this.used.length >= this.protocol.rules.min_piles;
  }

  get mayFinish() {
    return this.open && this.nOutside === 0 && this.#enough;
  }

  get mayStartOver() {
    return this.open && this.used.length > 0;
  }

  get naming() {
    if (this.phase !== "naming") return null;
    return this.used.find((cell) => !this.#names.has(cell)) ?? null;
  }

  get #name() {
    return this.entry.trim().split(/\s+/).join(" ");
  }

  get trialScene() {
    const { naming } = this;
    const { texts, rules } = this.protocol;
    const names = this.layout.cells.map((_, cell) => this.#names.get(cell) ?? "");
    const target = naming ?? (this.held ? this.#destination(this.held) : null);
    const scene = { kind: "piles", ...this.shown, names, target, counter: this.#counter, entry: null };
    if (naming === null) return scene;
    const enabled = this.#name !== "" || !rules.names_required;
    return {
      ...scene,
      buttons: [{ name: "done", text: texts.done, enabled }],
      prompt: texts.name_prompt,
      counter: this.#unnamed ? texts.name_missing : texts.name_enter,
      entry: this.entry,
    };
  }

  get #counter() {
    const { texts, rules } = this.protocol;
    if (this.nOutside) return this.asks("too_few") ? texts.too_few : countText(texts, this.nOutside);
    return this.#enough ? countText(texts, 0) : filled(texts.too_few_piles, { n: rules.min_piles });
  }

  hold(held) {
    super.hold(held);
    this.#target = this.cells[held.item];
  }

  #destination({ by, item }) {
    const aims = by === null || by === "keyboard";
    return aims ? this.#target : this.layout.cellAt(...this.places[item]);
  }

  putBack({ place }) {
    this.#target = place !== null && place <= this.layout.cells.length ? place - 1 : null;
  }

  nudge({ dx, dy }) {
    const { item } = this.held;
    const [x, y] = this.places[item];
    this.#target = this.layout.neighbour(this.#target, x, y, dx, dy);
    const box = this.layout.cells[this.#target];
    this.places[item] = box ? [box.x, box.y] : this.ready[item];
  }

  place(held, time) {
    const { item, since, by } = held;
    const before = this.cells[item];
    const after = this.#destination(held);
    if (after !== before) {
      const others = (cell) => (this.members.get(cell) ?? []).filter((other) => other !== item);
      if (before !== null) this.members.set(before, others(before));
      if (after !== null) this.members.set(after, [...others(after), item]);
      this.cells[item] = after;
      const where = { place_start: numbered(before), place: numbered(after) };
      this.row("drag", since, { item, until: time, where, pointer: by });
    }
    this.#settle();
    return after !== before;
  }

  decide() {
    if (this.protocol.rules.name_piles && this.phase !== "naming") this.enter("naming");
    else super.decide();
  }

  take(event) {
    if (this.phase !== "naming") {
      super.take(event);
      return;
    }
    const { kind, time, key, method } = event;
    if (kind === "name") {
      this.entry = event.text.slice(0, LONGEST_NAME);
      this.#unnamed = false;
    } else if (kind === "done") this.#giveName(time, method);
    else if (kind === "key" && this.protocol.answers.done_keys.includes(key)) {
      this.#giveName(time, "keyboard");
    }
  }

  #giveName(time, method) {
    this.#unnamed = this.#name === "" && this.protocol.rules.names_required;
    if (this.#unnamed) return;
    const cell = this.naming;
    this.#names.set(cell, this.#name);
    this.entry = "";
    this.row("name", time, { where: { place: numbered(cell) }, pointer: method });
    if (this.naming === null) this.decide();
  }

  get result() {
    const { used } = this;
    const names = used.map((cell) => this.#names.get(cell) ?? "");
    return { kind: "sorting", cells: this.cells, used, names };
  }
}

const numbered = (cell) => (cell === null ? null : cell + 1);
