/**
 * Trials with sounds: what plays them, and which must be heard before an answer counts (twoalike.tasks).
 *
 * Besides the events of a trial they take `point` (the mouse is on the sound `name`, or on none) and
 * `hear` (a press of a sound that is no answer); a `pick` has the name, too.
 */

import { note } from "./driver.js";

const PRESSES = ["pick", "hear", "press"];
const PASSING = ["tick", "shown", "focus", "move", "release", "point"];

/** Makes the machine of a trial one that plays sounds; `speaker` has their `files`. */
export const listening = (Machine) =>
  class extends Machine {
    playing = null;
    heard = new Set();
    #pointed = null;

    get #placed() {
      return this.topmost !== undefined;
    }

    /** What is shown for an answer and plays a sound, the topmost last. */
    get #tiles() {
      const { prompt, images = [] } = super.scene;
      const tiles = this.#placed ? images : prompt ? images.map((stimulus) => ({ stimulus })) : [];
      return tiles.filter(({ stimulus }) => stimulus in this.speaker.files);
    }

    get #waits() {
      return this.protocol.sounds.heard && this.#tiles.some(({ stimulus }) => !this.heard.has(stimulus));
    }

    get scene() {
      const scene = super.scene;
      if (!this.#tiles.length) return scene;
      const [waits, playing] = [this.#waits, this.playing?.name];
      const prompt = waits ? this.protocol.texts.listen : scene.prompt;
      if (!this.#placed) return { ...scene, prompt, marked: [...(scene.marked ?? []), playing].filter(Boolean) };
      const images = scene.images.map((one) => (one.stimulus === playing ? { ...one, rim: "playing" } : one));
      const buttons = scene.buttons.map((one) => ({ ...one, enabled: one.enabled && !(waits && one.name === "done") }));
      return { ...scene, prompt, images, buttons };
    }

    handle(event) {
      const { time, kind } = event;
      const notes = [];
      if (this.playing && time >= this.playing.until) {
        if (this.speaker.on) this.heard.add(this.playing.name);
        notes.push(...this.#stop(this.playing.until));
      }
      const { name = null, by, only = false } = this.#asked(event);
      if (name !== null) notes.push(...this.#play(name, time, by));
      const before = this.#held;
      const items = only || this.#isTooEarly(event) ? [] : super.handle(event);
      if (kind === "key" && this.#held !== null && this.#held !== before) {
        items.push(...this.#play(this.#held, time, "keyboard"));
      }
      const over = !this.#tiles.length || items.some((item) => "planned_onset" in item);
      return [...notes, ...items, ...(over ? this.#stop(time) : [])];
    }

    restart(time) {
      const cut = this.#stop(time, null); // at a time that is not known
      this.#pointed = null;
      return [...cut, ...super.restart(time)];
    }

    get #held() {
      const name = this.held ? this.trial.items[this.held.item] : null;
      return name in this.speaker.files ? name : null;
    }

    /** Sound that an event asks for, by what, and whether the event means nothing else. */
    #asked({ kind, key, name: given, x, y, pointer, button = "left", method = pointer }) {
      const { keys, hover } = this.protocol.sounds;
      const { kind: scene, images } = super.scene;
      if (kind === "key" && keys.includes(key) && images && !this.#placed) {
        const read = (this.reading ?? [...images.keys()]).map((at) => images[at]);
        const names = read.filter((name) => this.#tiles.some(({ stimulus }) => stimulus === name));
        return { name: names[keys.indexOf(key)], by: "keyboard", only: true };
      }
      const covers = (one) => Math.max(Math.abs(x - one.x), Math.abs(y - one.y)) <= one.size / 2;
      const at = (one) => (this.#placed ? covers(one) : one.stimulus === given);
      const name = this.#tiles.findLast(at)?.stimulus ?? null;
      const fresh = name !== this.#pointed;
      if (kind === "point" || (kind === "move" && this.#placed)) {
        if (this.#held !== null || !hover || method === "touch") return {};
        this.#pointed = name;
        return fresh ? { name, by: "mouse" } : {};
      }
      // A finger cannot point: its touch plays, and the next one there answers.
      const again = method === "touch" && (fresh || scene !== "row");
      const presses = PRESSES.includes(kind) && button === "left" && (again || this.#waits);
      if (!presses || name === null || this.playing?.name === name) return {};
      this.#pointed = name;
      return { name, by: method, only: again && scene === "row" && this.trial.n_chosen === 1 };
    }

    #isTooEarly({ kind, key }) {
      if (!this.#waits || PASSING.includes(kind)) return false;
      return !this.#placed || kind === "done" || (kind === "key" && this.protocol.answers.done_keys.includes(key));
    }

    #play(name, since, by) {
      const notes = this.#stop(since);
      this.playing = { name, since, until: since + this.speaker.files[name].seconds, by };
      this.speaker.play(name, this.protocol.sounds.volume);
      return notes;
    }

    #stop(time, until = time) {
      const { playing, speaker } = this;
      this.playing = null;
      if (!playing) return [];
      const to_end = until !== null && time >= playing.until && speaker.on;
      if (!to_end) speaker.stop();
      const rounded = (seconds) => Math.round(seconds * 1e4) / 1e4;
      const played_s = until === null ? null : rounded(until - playing.since);
      const trial_index = this.onset !== null || this.interrupted ? this.trial.trial_index : null; // once shown
      const detail = { stimulus: playing.name, by: playing.by, started_s: rounded(playing.since), played_s, to_end };
      return [note("sound_played", time, { trial_index, ...detail })];
    }
  };
