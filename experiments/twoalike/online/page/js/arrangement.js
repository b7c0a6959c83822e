/**
 * One arrangement under way: images are dragged into the circle and apart, looked at, sent back,
 * finished. A state machine without a screen, event by event that of
 * `twoalike.tasks.multi_arrangement` in a window: the same events give the same items.
 *
 * Time begins with the first frame that shows the trial; presses before it are not the trial's.
 */

import { countText, holds } from "./arena.js";
import { GO_ON } from "./keys.js";
import { round } from "./layout.js";

const FINE = 0.2; // step of an arrow key with Shift, times the step without

/** One trial; `kept` in it is where a reload found images, arena units. */
export class Arrangement {
  #items = [];
  #taken = null;
  #pointer = null;
  #paused = 0;
  #messageSince = null;
  #last = null;

  constructor(trial, protocol, layout) {
    Object.assign(this, { trial, protocol, layout });
    const ring = layout.seats(trial.items.length, trial.rotation);
    this.seats = trial.order.map((seat) => ring[seat]);
    /** Centres of the images. */
    this.places = this.#seatPlaces().map((seat, item) => {
      const kept = trial.kept?.[trial.items[item]];
      return kept ? layout.clamp(...layout.toPixels(...kept)) : seat;
    });
    const moved = Object.keys(trial.kept ?? {}).map((name) => trial.items.indexOf(name));
    /** Items from the lowest to the topmost. */
    this.stack = [...trial.items.keys()].filter((item) => !moved.includes(item)).concat(moved);
    this.handling = trial.items.map(() => {
      return { n_moves: 0, first_move: null, last_move: null, n_inspections: 0 };
    });
    this.phase = "arranging";
    this.onset = null;
    this.plannedOnset = null;
    /** Item that is held: since when, from where, where it was taken, and by what. */
    this.held = null;
    /** Item that is shown large: since when, and by what. */
    this.look = null;
    /** What waits for a second press or is remarked on, and since when. */
    this.asked = null;
    this.result = null;
  }

  get finished() {
    return this.phase === "done";
  }

  /** Whether images can be moved. */
  get open() {
    return this.phase === "arranging" && this.onset !== null;
  }

  /** Whether an image's centre is in the circle. */
  inside(item) {
    return this.layout.inside(...this.places[item]);
  }

  get nOutside() {
    return this.stack.filter((item) => !this.inside(item)).length;
  }

  get mayFinish() {
    return this.open && this.nOutside <= this.protocol.rules.unplaced_allowed;
  }

  /** Whether there is something to undo: an image away from its seat. */
  get mayStartOver() {
    const seats = this.#seatPlaces();
    return this.open && this.places.some((place, item) => this.#apart(place, seats[item]));
  }

  /** Whether two places differ as recorded: steps there and back end a rounding error away. */
  #apart(one, other) {
    const [x, y] = this.layout.toArena(...one);
    const [otherX, otherY] = this.layout.toArena(...other);
    return x !== otherX || y !== otherY;
  }

  /** Time at which the trial ends by itself, s; null if it does not. */
  get timeLimit() {
    const limit = this.protocol.timing.trial_limit_s;
    return this.open && limit ? this.onset + limit + this.#paused : null;
  }

  /** Time of the next change that comes by itself, s; null if there is none. */
  get deadline() {
    const times = [this.timeLimit];
    if (this.open && this.asked) times.push(this.asked.time + this.protocol.timing.confirm_s);
    const known = times.filter((time) => time !== null);
    return known.length ? Math.min(...known) : null;
  }

  /** Item whose image is seen at a point; null beside them. */
  topmost(x, y) {
    const half = this.layout.item / 2;
    const covers = (item) => {
      const [centreX, centreY] = this.places[item];
      return Math.max(Math.abs(x - centreX), Math.abs(y - centreY)) <= half;
    };
    return this.stack.findLast(covers) ?? null;
  }

  #seatPlaces() {
    return this.seats.map(({ x, y }) => [x, y]);
  }

  #asks(what) {
    return this.asked?.what === what;
  }

  /** What has to be on the screen now. */
  get scene() {
    const { texts } = this.protocol;
    if (this.phase === "message") {
      return { kind: "page", text: texts.time_out, footer: texts.go_on };
    }
    return {
      kind: "arena",
      images: this.stack.map((item) => this.#placed(item)),
      buttons: this.#buttons(),
      prompt: texts.prompt,
      counter: this.#asks("too_few") ? texts.too_few : countText(texts, this.nOutside),
      until: this.#until,
      magnified: this.look ? this.trial.items[this.look.item] : null,
      progress: this.trial.progress,
    };
  }

  #placed(item) {
    const [x, y] = this.places[item];
    const stimulus = this.trial.items[item];
    const { item: size } = this.layout;
    if (this.held?.item === item) {
      return { stimulus, x, y, size: size * this.protocol.arena.held_scale, rim: "held" };
    }
    return { stimulus, x, y, size, rim: this.inside(item) ? "inside" : "outside" };
  }

  #buttons() {
    const { texts, rules } = this.protocol;
    const done = this.#asks("done") ? texts.confirm : texts.done;
    const buttons = [{ name: "done", text: done, enabled: this.mayFinish }];
    if (rules.start_over) {
      const text = this.#asks("start_over") ? texts.confirm_start_over : texts.start_over;
      buttons.push({ name: "start_over", text, enabled: this.mayStartOver });
    }
    return buttons;
  }

  get #until() {
    const { timing } = this.protocol;
    const limit = this.timeLimit;
    const shown = limit !== null && timing.show_timer;
    return shown ? { end: limit, length: timing.trial_limit_s } : null;
  }

  /** Take one event; a press that means nothing now changes nothing. */
  handle(event) {
    if (this.finished) return [];
    this.#last = this.#last === null ? event.time : Math.max(this.#last, event.time);
    if (event.kind === "shown") {
      // The frame belongs to the phase that was drawn, so time must not pass first.
      this.#show(event);
      return this.#flush();
    }
    this.#elapse(event.time);
    if (["press", "move", "release"].includes(event.kind)) this.#pointer = [event.x, event.y];
    if (this.phase === "message") this.#turnPage(event);
    else if (this.open && event.time >= this.onset) this.#respond(event);
    return this.#flush();
  }

  /** Go on after an interruption: images stay, the time limit waited. */
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
      this.#items.push({ kind: "note", event: "trial_paused", time, detail });
    }
    return this.#flush();
  }

  #flush() {
    return this.#items.splice(0);
  }

  #show({ time, planned }) {
    if (this.onset === null) {
      this.onset = time;
      this.plannedOnset = planned ?? time;
      this.#row("trial_start", time);
      const kept = this.places.splice(0, Infinity, ...this.#seatPlaces());
      this.places.forEach((_, item) => this.#row("seat", time, { item, placed: true }));
      // Where they were before a reload: drags that take no time.
      for (const [item, place] of kept.entries()) {
        this.held = { item, since: time, by: null, start: this.places[item] };
        this.places[item] = place;
        this.#drop(time);
      }
      const detail = { trial_index: this.trial.trial_index };
      this.#items.push({ kind: "note", event: "trial_shown", time, detail });
    } else if (this.phase === "message") {
      this.#messageSince ??= time;
    }
  }

  #elapse(time) {
    const limit = this.timeLimit;
    if (limit !== null && time >= limit) {
      this.#end({ time: limit, reason: "timeout", method: "none" }, "message");
    } else if (this.asked && time >= this.asked.time + this.protocol.timing.confirm_s) {
      this.asked = null;
    }
  }

  /** End the page after the time limit, once it has been shown long enough. */
  #turnPage({ kind, time, key, button }) {
    const turns = (kind === "key" && GO_ON.includes(key)) || (kind === "press" && button === "left");
    const since = this.#messageSince;
    if (turns && since !== null && time - since >= this.protocol.pages.page_s) this.phase = "done";
  }

  #respond(event) {
    const { kind, time, x, y } = event;
    if (kind === "press" && event.button === "right") {
      const magnifies = this.look === null && this.protocol.answers.magnify_button;
      if (magnifies) this.#lookAt(time, [x, y], event.pointer);
    } else if (kind === "press") this.#press(event);
    else if (kind === "move") this.#follow(x, y);
    else if (kind === "release") this.#release(event);
    else if (kind === "key") this.#pressKey(event);
    else if (kind === "nudge") this.#nudge(event);
    else if (kind === "focus" && !event.here) this.#letGo(time);
  }

  /** Take an image, push a button, or end what was shown large. */
  #press({ time, x, y, pointer }) {
    if (this.look) {
      // It covers the others, so the press cannot be meant for one of them.
      this.#lookAway(time);
      return;
    }
    const lost = this.held;
    this.#drop(time); // keys held it, or the release was lost, for instance to another window
    const item = this.topmost(x, y);
    if (item !== null) {
      if (!lost || lost.by === "keyboard" || item !== lost.item) {
        const [startX, startY] = this.places[item];
        this.#hold(item, time, pointer, [startX - x, startY - y]);
      }
    } else if (holds(this.layout.done, x, y)) this.#pressDone(time, pointer);
    else if (holds(this.layout.startOver, x, y)) this.#pressStartOver(time, pointer);
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

  /** Move the image that a key has taken one step; one shown large covers the others. */
  #nudge({ dx, dy, fine }) {
    if (this.held?.by !== "keyboard" || this.look) return;
    const { item } = this.held;
    const share = fine ? FINE : 1;
    const step = this.protocol.answers.step_fraction * 2 * this.layout.radius * share;
    const [x, y] = this.places[item];
    this.places[item] = this.layout.clamp(x + step * dx, y + step * dy);
  }

  #pressDone(time, method) {
    this.#drop(time);
    if (!this.mayFinish) this.asked = { what: "too_few", time };
    else if (time - this.onset < this.protocol.timing.minimum_s) return;
    else if (this.protocol.answers.confirm_done && !this.#asks("done")) {
      this.asked = { what: "done", time };
    } else this.#end({ time, reason: "done", method }, "done");
  }

  /** Send all images back at the second press: one slip must not cost an hour. */
  #pressStartOver(time, method) {
    if (!this.protocol.rules.start_over) return;
    this.#drop(time);
    if (!this.mayStartOver) return;
    if (!this.#asks("start_over")) {
      this.asked = { what: "start_over", time };
      return;
    }
    this.#row("reset", time, { pointer: method });
    this.places = this.#seatPlaces();
    this.stack = [...this.places.keys()];
    this.asked = null;
  }

  #end(ending, phase) {
    this.#letGo(ending.time);
    this.#row("done", ending.time, { pointer: ending.method === "none" ? null : ending.method });
    this.asked = null;
    this.phase = phase;
    this.result = this.#makeResult(ending);
    this.#items.push(this.result);
  }

  #makeResult(ending) {
    const { trial, layout } = this;
    return {
      kind: "arrangement",
      trial_index: trial.trial_index,
      items: trial.items,
      onset: this.onset,
      planned_onset: this.plannedOnset,
      places: this.places.map((place) => layout.toArena(...place)),
      inside: this.places.map((place) => layout.inside(...place)),
      seat_angles: this.seats.map(({ angle }) => angle),
      handling: this.handling.map((handled) => ({ ...handled })),
      ending,
      radius_px: layout.radius,
      item_px: layout.item,
    };
  }

  /**
   * Let go of what keys hold and take the next image around the circle: one of those outside if
   * there are others than the one let go. What the pointer holds stays in its hand.
   */
  #takeNext(time, backwards) {
    const { held } = this;
    if (held && held.by !== "keyboard") return;
    this.#letGo(time);
    const { order } = this.trial;
    let items = [...order.keys()].sort((a, b) => order[a] - order[b]);
    if (backwards) items.reverse();
    if (this.#taken !== null) {
      const after = items.indexOf(this.#taken) + 1;
      items = [...items.slice(after), ...items.slice(0, after)];
    }
    const outside = items.find((item) => item !== held?.item && !this.inside(item));
    this.#hold(outside ?? items[0], time, "keyboard", [0, 0]);
  }

  /** Hold an item, and raise it above the others. */
  #hold(item, since, by, grip) {
    this.stack = [...this.stack.filter((other) => other !== item), item];
    this.held = { item, since, by, grip, start: this.places[item] };
    this.#taken = item;
    this.asked = null;
  }

  /** Move the held image with the pointer; its centre stays in the window. */
  #follow(x, y) {
    if (!this.held || this.held.by === "keyboard") return;
    const { item, grip } = this.held;
    this.places[item] = this.layout.clamp(x + grip[0], y + grip[1]);
  }

  /** Let go of the held image where it is; it counts as a move if it went anywhere. */
  #drop(time) {
    const { held } = this;
    this.held = null;
    if (!held) return;
    const { item, since, start } = held;
    if (!this.#apart(this.places[item], start)) return;
    this.#row("drag", since, { item, until: time, start, placed: true, pointer: held.by });
    const handled = this.handling[item];
    handled.n_moves += 1;
    handled.first_move ??= since;
    handled.last_move = Math.max(since, time);
  }

  /** Show the image at a point large; while one is held no other, and that only by a key. */
  #lookAt(time, at, by) {
    let item = null;
    if (this.held) {
      if (this.held.by === "keyboard" && by === "keyboard") item = this.held.item;
    } else if (at) item = this.topmost(...at);
    if (item !== null) this.look = { item, since: time, by };
  }

  /** Show no image large any more. */
  #lookAway(time) {
    const { look } = this;
    this.look = null;
    if (!look) return;
    this.#row("inspect", look.since, { item: look.item, until: time, pointer: look.by });
    this.handling[look.item].n_inspections += 1;
  }

  /** Drop what is held and look away, as when the window is left. */
  #letGo(time) {
    this.#lookAway(time);
    this.#drop(time);
  }

  /** Add a row to the table of events; `placed` gives the item's place. */
  #row(what, onset, { item = null, until, start, placed = false, pointer = null } = {}) {
    const place = placed ? this.places[item] : null;
    const [x, y] = place ? this.layout.toArena(...place) : [null, null];
    const [xStart, yStart] = start ? this.layout.toArena(...start) : [null, null];
    const values = {
      onset,
      duration: until === undefined ? 0 : Math.max(0, until - onset),
      trial_type: what,
      trial_index: this.trial.trial_index,
      stimulus: item === null ? null : this.trial.items[item],
      x_start: xStart,
      y_start: yStart,
      x,
      y,
      inside: place ? this.layout.inside(...place) : null,
      pointer,
    };
    this.#items.push({ kind: "event", values });
  }
}
