/**
 * JATOS: records are appended to the result data, a line each.
 *
 * Codes of participants are given out in the batch session, under its version lock: JATOS refuses
 * a change that was made without knowing the one before, and then the next free code is tried.
 */

import { HostTransport, newName, outcomeOf } from "./transport-file.js";
import { reached, Refused, Unreachable } from "./transports.js";

const ATTEMPTS = 100;
const PAUSE_MS = 400;
const TAKEN = "twoalike";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class JatosTransport extends HostTransport {
  constructor({ jatos, study, base, request, pause = wait }) {
    super();
    Object.assign(this, { jatos, study, base, request, pause });
  }

  static async open(base) {
    const { jatos } = globalThis;
    if (!jatos) throw new Error("this page was made for JATOS, and jatos.js is not there");
    await new Promise((resolve) => jatos.onLoad(resolve));
    return new this({ jatos, base });
  }

  /** Who takes part: JATOS has their address, and each run of the study has a number. */
  get visitor() {
    const { lang, ...external } = this.jatos.urlQueryParameters;
    return { external, link: null, language: lang, name: `jatos=${this.jatos.studyResultId}` };
  }

  async newSession() {
    const session = newName(`jatos-${this.jatos.studyResultId}`);
    return { session, code: await this.takeCode(session) };
  }

  async takeCode(session) {
    const { batchSession } = this.jatos;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const taken = batchSession.get(TAKEN);
      const code = this.study.participants.find((one) => !Object.hasOwn(taken ?? {}, one));
      if (code === undefined) throw new Refused("full");
      try {
        if (taken === undefined) await batchSession.add(`/${TAKEN}`, { [code]: session });
        else await batchSession.add(`/${TAKEN}/${code}`, session);
        return code;
      } catch {
        await this.pause(PAUSE_MS * Math.random()); // somebody was faster: look again
      }
    }
    throw new Unreachable("the batch session takes no change");
  }

  append(lines) {
    return reached("JATOS", () => this.jatos.appendResultData(lines.map((line) => `${line}\n`).join("")));
  }

  async finish(_, reason) {
    await this.append([this.line({ ended: reason })]);
    const settings = this.jatos.studyJsonInput ?? {};
    await reached("JATOS", () => this.jatos.endStudyAjax(reason === "completed", reason));
    return outcomeOf(reason, settings, this.study.completion_url);
  }
}
