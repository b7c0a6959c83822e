/**
 * A plain host, and DataPipe (pipe.jspsych.org), which puts each file of records into a project of
 * the Open Science Framework. All records stay in this browser as well, to be downloaded.
 *
 * A file's name has the session and the numbers of its records, so that one that is sent twice is
 * refused the second time, and that means it is stored. Files are sent a few times a minute: the
 * records of the meantime go together.
 */

import { FileTransport } from "./transport-file.js";
import { Refused, Unreachable } from "./transports.js";

const PATIENCE_MS = 30_000;
const PAUSE_MS = 15_000;
const EXISTS = "FILE_EXISTS"; // OSF_FILE_EXISTS
const BUSY = new Set([408, 425, 429]);

export class PipeTransport extends FileTransport {
  constructor(parts) {
    super(parts);
    this.sent = -Infinity; // when the last file was sent, ms of a clock that is never set
    this.refused = null; // why the pipe takes no file of this session
  }

  async codeFor(external) {
    if (this.settings.codes !== "pipe" || external.participant !== undefined) {
      return super.codeFor(external);
    }
    const { condition } = await this.ask("condition", {});
    const codes = this.study.participants;
    if (!Number.isInteger(condition) || condition >= codes.length) throw new Refused("full");
    return codes[condition];
  }

  /** Keep records here, then send them; those of a refused file stay here to be downloaded. */
  async send(token, records) {
    const last = records.at(-1).items.at(-1)?.kind === "end";
    const rest = this.sent + PAUSE_MS - performance.now();
    if (rest > 0 && !last) await new Promise((resolve) => setTimeout(resolve, rest));
    const lines = [this.line(), ...records.map((record) => JSON.stringify(record))];
    const name = `${records[0].n}-${records.at(-1).n}`;
    await this.put(name, lines);
    return super.send(token, records);
  }

  async finish(_, reason) {
    await this.put(reason, [this.line({ ended: reason })]);
    return super.finish(_, reason);
  }

  get needed() {
    return this.refused !== null;
  }

  /** Send one file, unless the pipe has refused one before. */
  async put(name, lines) {
    if (this.refused) return;
    this.sent = performance.now();
    const filename = `${this.known.session}_${name}.ndjson`;
    const data = lines.map((line) => `${line}\n`).join("");
    try {
      await this.ask("data", { filename, data });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (!error.code.includes(EXISTS)) this.refused = error.code;
    }
  }

  async ask(path, content) {
    const { pipe, experiment } = this.settings;
    const request = this.request ?? ((...args) => fetch(...args));
    let status, answer;
    try {
      const response = await request(new URL(`api/${path}/`, pipe), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ experimentID: experiment, ...content }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      status = response.status;
      answer = await response.json();
    } catch (error) {
      throw new Unreachable(`pipe: ${error.message}`, { cause: error });
    }
    if (answer?.error === undefined && status < 300) return answer;
    if (status >= 500 || BUSY.has(status)) throw new Unreachable(`pipe: status ${status}`);
    throw new Refused(String(answer?.error ?? status));
  }
}
