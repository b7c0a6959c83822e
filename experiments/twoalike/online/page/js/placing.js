/**
 * Images under the hands of a person: taken, moved, let go, looked at, sent back, finished. Without
 * a screen, event by event as in a window (twoalike.tasks.multi_arrangement._placing).
 *
 * Besides the events of driver.js it takes those of the view's buttons: `done` and `start_over`,
 * which tell their `method`.
 */

import { note } from "./driver.js";
import { round } from "./layout.js";
import { filled } from "./panels.js";
import { TrialMachine } from "./trial.js";

/** One trial; `kept` in it is the last move of each image before a reload, by object. */
export class PlacingMachine extends TrialMachine {
  held = null;
  look = null;
  #taken = null;
  #pointer = null;
  #paused = 0;
  #last = null;

  constructor(trial, protocol, layout) {
    super(trial, protocol);
    const items = [...trial.items.keys()];
    const handled = { n_moves: 0, first_move: null, last_move: null, n_inspections: 0 };
    Object.assign(this, { layout, places: [], stack: [...items], order: items });
    this.sizes = items.map(() => layout.item);
    this.handling = items.map(() => ({ ...handled }));
    this.begin();
  }

  get phaseEnd() {
    return this.open && this.limitS ? this.onset + this.limitS + this.#paused : null;
  }

  get taken() {
    return this.phase === "message" ? null : (this.ending?.time ?? null);
  }

  get nOutside() {
    return this.stack.filter((item) => !this.inside(item)).length;
  }

  topmost(x, y) {
    const covers = (item) => {
      const [centreX, centreY] = this.places[item];
      return Math.max(Math.abs(x - centreX), Math.abs(y - centreY)) <= this.sizes[item] / 2;
    };
    return this.stack.findLast(covers) ?? null;
  }

  get shown() {
    const { texts } = this.protocol;
    return {
      images: this.stack.map((item) => this.#placed(item)),
      buttons: this.#buttons(),
      prompt: texts.prompt,
      until: this.timer,
      magnified: this.look ? this.trial.items[this.look.item] : null,
    };
  }

  #placed(item) {
    const [x, y] = this.places[item];
    const stimulus = this.trial.items[item];
    const held = this.held?.item === item;
    const size = held ? this.layout.item * this.layout.heldScale : this.sizes[item];
    return { stimulus, x, y, size, rim: held ? "held" : this.inside(item) ? "inside" : "outside" };
  }

  #buttons() {
    const { texts, rules } = this.protocol;
    const done = this.asks("done") ? texts.confirm : texts.done;
    const buttons = [{ name: "done", text: done, enabled: this.mayFinish }];
    if (rules.start_over) {
      const text = this.asks("start_over") ? texts.confirm_start_over : texts.start_over;
      buttons.push({ name: "start_over", text, enabled: this.mayStartOver });
    }
    return buttons;
  }

  handle(event) {
    if (this.finished) return [];
    this.#last = this.#last === null ? event.time : Math.max(this.#last, event.time);
    if (event.x !== undefined) this.#pointer = [event.x, event.y];
    else if (event.method) this.#pointer = null; // on a button, not an image
    return super.handle(event);
  }

  /** Goes on after an interruption: images stay, the time limit waited. */
  restart(time) {
    const since = this.#last === null ? time : Math.min(this.#last, time);
    this.#last = time;
    if (this.phase === "message") {
      this.phase = "done";
    } else if (this.open) {
      this.#letGo(since);
      this.#paused += time - since;
      this.asked = null;
      const detail = { trial_index: this.trial.trial_index, paused_s: round(time - since, 4) };
      this.rows.push(note("trial_paused", time, detail));
    }
    return this.rows.splice(0);
  }

  show(event) {
    const first = this.onset === null;
    if (first) this.row("trial_start", event.time);
    super.show(event);
    if (!first) return;
    this.begun?.(event.time);
    for (const [name, move] of Object.entries(this.trial.kept ?? {})) {
      const item = this.trial.items.indexOf(name); // a drag that takes no time
      this.hold({ item, since: event.time, by: null, start: this.places[item] });
      this.putBack(move);
      this.#drop(event.time);
    }
  }

  runOut(time) {
    this.stopMoving({ time, reason: "timeout", method: "none" });
  }

  take(event) {
    if (!this.open || event.time < this.onset) return;
    const { kind, time, x, y, method } = event;
    if (kind === "press" && event.button === "right") {
      const magnifies = this.look === null && this.protocol.answers.magnify_button;
      if (magnifies) this.#lookAt(time, [x, y], event.pointer);
    } else if (this.look && (kind === "press" || method)) {
      this.#lookAway(time); // it covers the others, so the press cannot be meant for one of them
    } else if (kind === "press") this.#press(event);
    else if (kind === "done") this.#pressDone(time, method);
    else if (kind === "start_over") this.#pressStartOver(time, method);
    else if (kind === "move") this.#follow(x, y);
    else if (kind === "release") this.#release(event);
    else if (kind === "key") this.#pressKey(event);
    else if (kind === "nudge") {
      // One shown large covers the image that a key has taken.
      if (this.held?.by === "keyboard" && !this.look) this.nudge(event);
    } else if (kind === "focus" && !event.here) this.#letGo(time);
  }

  #press({ time, x, y, pointer }) {
    const lost = this.held;
    this.#drop(time); // keys held it, or the release was lost, for instance to another window
    const item = this.topmost(x, y);
    if (item === null || (lost && lost.by !== "keyboard" && item === lost.item)) return;
    const [startX, startY] = this.places[item];
    const grip = [startX - x, startY - y];
    this.hold({ item, since: time, by: pointer, grip, start: this.places[item] });
  }

  #release({ time, x, y, button }) {
    if (button === "left") {
      if (this.held && this.held.by !== "keyboard") {
        this.#follow(x, y);
        this.#drop(time);
      }
    } else if (this.look && this.look.by !== "keyboard") this.#lookAway(time);
  }

  #pressKey({ time, key }) {
    const { answers } = this.protocol;
    if (answers.done_keys.includes(key)) this.#pressDone(time, "keyboard");
    else if (answers.start_over_keys.includes(key)) this.#pressStartOver(time, "keyboard");
    else if (answers.magnify_keys.includes(key)) {
      if (this.look) this.#lookAway(time);
      else this.#lookAt(time, this.#pointer, "keyboard");
    } else if (answers.previous_keys.includes(key)) this.#takeNext(time, true);
    else if (answers.next_keys.includes(key)) this.#takeNext(time, false);
  }

  #pressDone(time, method) {
    this.#drop(time);
    if (!this.mayFinish) this.asked = { what: "too_few", time };
    else if (time - this.onset < this.protocol.timing.minimum_s) return;
    else if (this.protocol.answers.confirm_done && !this.asks("done")) {
      this.asked = { what: "done", time };
    } else {
      this.stopMoving({ time, reason: "done", method });
      this.decide();
    }
  }

  /** Sends all images back at the second press: one slip must not cost an hour. */
  #pressStartOver(time, method) {
    if (!this.protocol.rules.start_over) return;
    this.#drop(time);
    if (!this.mayStartOver) return;
    if (!this.asks("start_over")) {
      this.asked = { what: "start_over", time };
      return;
    }
    this.row("reset", time, { pointer: method });
    this.reset();
    this.stack = [...this.places.keys()];
    this.asked = null;
  }

  stopMoving(ending) {
    this.#letGo(ending.time);
    this.row("done", ending.time, { pointer: ending.method === "none" ? null : ending.method });
    this.asked = null;
    this.ending = ending;
  }

  get about() {
    const { trial, onset, planned, handling, ending, layout } = this;
    const { trial_index, items } = trial;
    const planned_onset = planned;
    return { trial_index, items, onset, planned_onset, handling, ending, item_px: layout.item };
  }

  /**
   * Lets go of what keys hold and takes the next image: one of those outside if there are others
   * than the one let go. What the pointer holds stays in its hand.
   */
  #takeNext(time, backwards) {
    const { held } = this;
    if (held && held.by !== "keyboard") return;
    this.#letGo(time);
    let items = backwards ? [...this.order].reverse() : this.order;
    if (this.#taken !== null) {
      const after = items.indexOf(this.#taken) + 1;
      items = [...items.slice(after), ...items.slice(0, after)];
    }
    const outside = items.find((item) => item !== held?.item && !this.inside(item));
    const item = outside ?? items[0];
    this.hold({ item, since: time, by: "keyboard", start: this.places[item] });
  }

  hold(held) {
    this.stack = [...this.stack.filter((other) => other !== held.item), held.item];
    this.held = held;
    this.#taken = held.item;
    this.asked = null;
  }

  #follow(x, y) {
    if (!this.held || this.held.by === "keyboard") return;
    const { item, grip } = this.held;
    this.places[item] = this.layout.clamp(x + grip[0], y + grip[1]);
  }

  /** Lets go of the held image where it is; it counts as a move if it went anywhere. */
  #drop(time) {
    const { held } = this;
    this.held = null;
    if (!held || !this.place(held, time)) return;
    const handled = this.handling[held.item];
    handled.n_moves += 1;
    handled.first_move ??= held.since;
    handled.last_move = Math.max(held.since, time);
  }

  /** Shows the image at a point large; while one is held no other, and that only by a key. */
  #lookAt(time, at, by) {
    let item = null;
    if (this.held) {
      if (this.held.by === "keyboard" && by === "keyboard") item = this.held.item;
    } else if (at) item = this.topmost(...at);
    if (item !== null) this.look = { item, since: time, by };
  }

  #lookAway(time) {
    const { look } = this;
    this.look = null;
    if (!look) return;
    this.row("inspect", look.since, { item: look.item, until: time, pointer: look.by });
    this.handling[look.item].n_inspections += 1;
  }

  #letGo(time) {
    this.#lookAway(time);
    this.#drop(time);
  }

  row(what, onset, { item = null, until = onset, where = {}, pointer = null } = {}) {
    const values = {
      onset,
      duration: Math.max(0, until - onset),
      trial_type: what,
      trial_index: this.trial.trial_index,
      stimulus: item === null ? null : this.trial.items[item],
      ...this.nowhere,
      ...where,
      pointer,
    };
    this.rows.push({ kind: "event", values });
  }
}

export function countText(texts, n) {
  if (n === 0) return texts.left_none;
  return n === 1 ? texts.left_one : filled(texts.left, { n });
}
