/** Sounds of a session: loaded ahead, decoded before the step that plays them, one heard at a time. */

import { Pictures } from "./pictures.js";
import { reached } from "./transports.js";

const PATIENCE_MS = 3000; // for a device that does not start

export class Speaker extends Pictures {
  #source = null;

  constructor(files, { tell, reach }) {
    super(files, { tell, reach, load: (file) => this.#loadSound(file) });
  }

  /** Starts the device, while a press is being handled; returns what is lacking, null for nothing. */
  async unlock() {
    this.context ??= new AudioContext();
    if (navigator.audioSession) navigator.audioSession.type = "playback"; // also of a phone that is muted
    await Promise.race([this.context.resume(), new Promise((done) => setTimeout(done, PATIENCE_MS))]);
    if (!this.on) return "Web Audio";
    const kinds = new Map(Object.entries(this.files).map(([id, { file }]) => [file.split(".").at(-1), id]));
    for (const [kind, id] of kinds) {
      const fails = await this.need([id]).catch(() => true);
      if (fails) return kind.toUpperCase();
    }
    return null;
  }

  /** Decodes sounds, and forgets all others: those of a session would fill the memory of a phone. */
  need(ids) {
    for (const [id, sound] of this.images) if (!ids.includes(id)) sound.buffer = null;
    return super.need(ids);
  }

  get on() {
    return this.context.state === "running";
  }

  play(name, volume) {
    this.stop();
    this.context.resume(); // a telephone call stops it
    this.#source = new AudioBufferSourceNode(this.context, { buffer: this.images.get(name).buffer });
    this.#source.connect(new GainNode(this.context, { gain: volume })).connect(this.context.destination);
    this.#source.start();
  }

  stop() {
    this.#source?.stop();
    this.#source = null;
  }

  async #loadSound(file) {
    const bytes = await reached(file, async () => {
      const answer = await fetch(new URL(file, document.baseURI));
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return answer.arrayBuffer();
    });
    const decode = async () => (sound.buffer ??= await this.context.decodeAudioData(bytes.slice(0)));
    const sound = { buffer: null, decode };
    return sound;
  }
}
