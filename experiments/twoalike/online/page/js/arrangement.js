/** One arrangement under way: images go into the circle and apart (twoalike.tasks.multi_arrangement). */

import { countText, PlacingMachine } from "./placing.js";

const FINE = 0.2; // step of an arrow key with Shift, times the step without

export class Arrangement extends PlacingMachine {
  nowhere = { x_start: null, y_start: null, x: null, y: null, inside: null };

  constructor(trial, protocol, layout) {
    super(trial, protocol, layout);
    const ring = layout.seats(trial.items.length, trial.rotation);
    this.seats = trial.order.map((seat) => ring[seat]);
    this.order = [...trial.order.keys()].sort((a, b) => trial.order[a] - trial.order[b]);
    this.reset();
  }

  reset() {
    this.places = this.seats.map(({ x, y }) => [x, y]);
  }

  inside(item) {
    return this.layout.inside(...this.places[item]);
  }

  get mayFinish() {
    return this.open && this.nOutside <= this.protocol.rules.unplaced_allowed;
  }

  get mayStartOver() {
    const away = (place, item) => this.#apart(place, [this.seats[item].x, this.seats[item].y]);
    return this.open && this.places.some(away);
  }

  /** Whether two places differ as recorded: steps there and back end a rounding error away. */
  #apart(one, other) {
    return String(this.layout.toArena(...one)) !== String(this.layout.toArena(...other));
  }

  get trialScene() {
    const { texts } = this.protocol;
    const counter = this.asks("too_few") ? texts.too_few : countText(texts, this.nOutside);
    return { kind: "arena", ...this.shown, counter, progress: this.trial.progress };
  }

  begun(time) {
    this.places.forEach((_, item) => this.row("seat", time, { item, where: this.#where(item) }));
  }

  #where(item) {
    const [x, y] = this.layout.toArena(...this.places[item]);
    return { x, y, inside: this.inside(item) };
  }

  putBack({ x, y }) {
    this.places[this.held.item] = this.layout.clamp(...this.layout.toPixels(x, y));
  }

  nudge({ dx, dy, fine }) {
    const { item } = this.held;
    const share = fine ? FINE : 1;
    const step = this.protocol.answers.step_fraction * 2 * this.layout.radius * share;
    const [x, y] = this.places[item];
    this.places[item] = this.layout.clamp(x + step * dx, y + step * dy);
  }

  place({ item, since, start, by }, time) {
    if (!this.#apart(this.places[item], start)) return false;
    const [x_start, y_start] = this.layout.toArena(...start);
    const where = { x_start, y_start, ...this.#where(item) };
    this.row("drag", since, { item, until: time, where, pointer: by });
    return true;
  }

  get result() {
    return {
      kind: "arrangement",
      places: this.places.map((place) => this.layout.toArena(...place)),
      inside: this.places.map((place) => this.layout.inside(...place)),
      seat_angles: this.seats.map(({ angle }) => angle),
      radius_px: this.layout.radius,
    };
  }
}
