/**
 * Touch for arrangements: a long press shows an image large, as the right button of a mouse does.
 * Also converts points where the trial is drawn smaller than it was laid out.
 */

const LONG_S = 0.5; // after which a press of a finger is a long one
const STILL_PX = 8; // a resting finger moves no further

/** Makes the machine of images that are placed one that fingers use, too. */
export const touchable = (Machine) =>
  class extends Machine {
    scale = 1;
    #resting = null;
    /** Where the pointer was last: a touch that the browser takes away ends nowhere. */
    #last = { x: 0, y: 0 };

    get deadline() {
      const times = [super.deadline, this.#resting && this.#resting.time + LONG_S];
      const coming = times.filter((time) => time !== null);
      return coming.length ? Math.min(...coming) : null;
    }

    handle(event) {
      const waited = this.#resting !== null && event.time >= this.#resting.time + LONG_S;
      const items = waited ? this.#look(event.time) : [];
      const taken = this.#translated(event);
      return taken ? [...items, ...super.handle(taken)] : items;
    }

    restart(time) {
      this.#resting = null;
      return super.restart(time);
    }

    #look(time) {
      const { x, y } = this.#resting;
      this.#resting = null;
      const at = { time, x, y, pointer: "touch" };
      return [
        ...super.handle({ ...at, kind: "release", button: "left" }),
        ...super.handle({ ...at, kind: "press", button: "right" }),
      ];
    }

    /** The event for the machine; null while a finger rests. */
    #translated(event) {
      if (event.kind === "focus") this.#resting = null;
      if (event.x === undefined) return event;
      if (!event.cancelled) this.#last = { x: event.x / this.scale, y: event.y / this.scale };
      const there = { ...event, ...this.#last };
      if (event.kind === "press") {
        const onImage = this.open && !this.look && this.topmost(there.x, there.y) !== null;
        const looks = this.protocol.answers.magnify_button && event.pointer === "touch";
        this.#resting = looks && onImage ? there : null;
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
      return { ...event, x, y, button: this.look?.by === "touch" ? "right" : event.button };
    }
  };
