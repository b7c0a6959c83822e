/**
 * Touch for arrangements: a long press shows an image large, as the right button of a mouse does.
 * Also converts points where the trial is drawn smaller than it was laid out.
 */

const LONG_S = 0.5; // after which a press of a finger is a long one
const STILL_PX = 8; // a resting finger moves no further

/** Wraps a machine and translates the events of the browser into those of the machine. */
export class Fingers {
  /** The finger that may yet stay: since when, and where. */
  #resting = null;
  #looking = false;
  /** Where the pointer was last: a touch that the browser takes away ends nowhere. */
  #last = { x: 0, y: 0 };

  constructor(machine, magnifies) {
    Object.assign(this, { machine, magnifies });
    /** Size of the trial on the screen, times its size as laid out. */
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

  /** Take an event of the browser. */
  handle(event) {
    const items = this.#waited(event.time) ? this.#look(event.time) : [];
    const taken = this.#translated(event);
    return taken ? [...items, ...this.machine.handle(taken)] : items;
  }

  restart(time) {
    this.#forget();
    return this.machine.restart(time);
  }

  #forget() {
    this.#resting = null;
    this.#looking = false;
  }

  #waited(time) {
    return this.#resting !== null && time >= this.#resting.time + LONG_S;
  }

  /** Put the image down where it was, and show it large. */
  #look(time) {
    const { x, y } = this.#resting;
    this.#resting = null;
    this.#looking = true;
    const at = { time, x, y, pointer: "touch" };
    return [
      ...this.machine.handle({ ...at, kind: "release", button: "left" }),
      ...this.machine.handle({ ...at, kind: "press", button: "right" }),
    ];
  }

  /** The event for the machine; null while a finger rests. */
  #translated(event) {
    if (event.kind === "focus") this.#forget();
    if (event.x === undefined) return event;
    if (!event.cancelled) this.#last = { x: event.x / this.scale, y: event.y / this.scale };
    const there = { ...event, ...this.#last };
    if (event.pointer !== "touch") {
      if (event.kind === "press") this.#forget();
      return there;
    }
    if (event.kind === "press") return this.#pressed(there);
    return event.kind === "move" ? this.#moved(there) : this.#released(there);
  }

  #pressed(event) {
    this.#forget();
    const { open, look } = this.machine;
    const onImage = open && !look && this.machine.topmost(event.x, event.y) !== null;
    if (this.magnifies && onImage) this.#resting = event;
    return event;
  }

  #moved(event) {
    if (!this.#resting) return event;
    const apart = Math.hypot(event.x - this.#resting.x, event.y - this.#resting.y);
    if (apart * this.scale <= STILL_PX) return null;
    this.#resting = null;
    return event;
  }

  /** A finger that hardly moved has moved nothing. */
  #released(event) {
    const resting = this.#resting;
    const button = this.#looking ? "right" : event.button;
    this.#forget();
    return resting ? { ...event, x: resting.x, y: resting.y } : { ...event, button };
  }
}
