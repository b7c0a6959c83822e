/**
 * Touch for arrangements: a long press shows an image large, as the right button of a mouse does.
 * Also converts points where the trial is drawn smaller than it was laid out.
 */

const LONG_S = 0.5; // after which a press of a finger is a long one
const STILL_PX = 8; // a resting finger moves no further

export class Fingers {
  #resting = null;
  /** Where the pointer was last: a touch that the browser takes away ends nowhere. */
  #last = { x: 0, y: 0 };

  constructor(machine, magnifies) {
    Object.assign(this, { machine, magnifies });
    this.scale = 1;
  }

  get scene() {
    return this.machine.scene;
  }

  get finished() {
    return this.machine.finished;
  }

  get deadline() {
    const { deadline } = this.machine;
    if (!this.#resting) return deadline;
    const long = this.#resting.time + LONG_S;
    return deadline === null ? long : Math.min(deadline, long);
  }

  handle(event) {
    const waited = this.#resting !== null && event.time >= this.#resting.time + LONG_S;
    const items = waited ? this.#look(event.time) : [];
    const taken = this.#translated(event);
    return taken ? [...items, ...this.machine.handle(taken)] : items;
  }

  restart(time) {
    this.#resting = null;
    return this.machine.restart(time);
  }

  #look(time) {
    const { x, y } = this.#resting;
    this.#resting = null;
    const at = { time, x, y, pointer: "touch" };
    return [
      ...this.machine.handle({ ...at, kind: "release", button: "left" }),
      ...this.machine.handle({ ...at, kind: "press", button: "right" }),
    ];
  }

  #translated(event) {
    if (event.kind === "focus") this.#resting = null;
    if (event.x === undefined) return event;
    if (!event.cancelled) this.#last = { x: event.x / this.scale, y: event.y / this.scale };
    const there = { ...event, ...this.#last };
    const { machine } = this;
    if (event.kind === "press") {
      const onImage = machine.open && !machine.look && machine.topmost(there.x, there.y) !== null;
      this.#resting = event.pointer === "touch" && this.magnifies && onImage ? there : null;
    } else if (event.pointer === "touch") return this.#touched(there);
    return there;
  }

  /** A finger that hardly moved has moved nothing; one that looks ends that when it leaves. */
  #touched(event) {
    const resting = this.#resting;
    const { x, y } = resting ?? event;
    const still = resting && Math.hypot(event.x - x, event.y - y) * this.scale <= STILL_PX;
    if (event.kind === "move" && still) return null;
    this.#resting = null;
    if (event.kind === "move") return event;
    return { ...event, x, y, button: this.machine.look?.by === "touch" ? "right" : event.button };
  }
}
