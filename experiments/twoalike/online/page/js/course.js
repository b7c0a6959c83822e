/**
 * The course of a session: what is shown, in which order, and the record of each step.
 *
 * The order is that of the window: a trial that follows a page begins with a countdown, a consent
 * that is declined ends the session, and a page that welcomes back and the instruction come again before
 * what is left.
 */

import { note } from "./driver.js";

const ANSWERED = { question: ["answers"], trial: ["choice", "rating"], arrangement: ["arrangement", "sorting"] };

const isInstruction = ({ kind, name }) => kind === "page" && name === "instruction";

export const isTrial = ({ kind }) => kind === "trial" || kind === "arrangement";

function ending(time, reason) {
  return [note("session_end", time, { reason }), { kind: "end", time, reason }];
}

export class Course {
  constructor({ person, protocols, keeper, askBlock, makeClock }) {
    Object.assign(this, { person, protocols, keeper, askBlock, makeClock });
    this.clock = null;
    this.afterTrial = false;
    /** Answers on which later questions depend, by id; null of those that were left out. */
    this.answers = { ...keeper.progress.answers };
  }

  /** Whether earlier answers leave a question out; an answer that is not known does not. */
  leavesOut({ id, when = {}, rows = [] }) {
    const given = (name, wanted) => [this.answers[name]].flat().some((one) => [wanted].flat().includes(one));
    const known = Object.entries(when).filter(([name]) => name in this.answers);
    const out = known.some(([name, wanted]) => !given(name, wanted));
    for (const [name] of out ? [[id], ...rows] : []) this.answers[name] = null;
    return out;
  }

  /** All that is shown; the keeper has taken what the present show has given when the next is asked for. */
  async *shows() {
    const { progress } = this.keeper;
    for (let { part } = progress; part < this.person.parts.length; part += 1) {
      const declined = yield* this.part(part);
      if (declined) return "declined";
    }
    return progress.reason ?? "completed";
  }

  async *part(part) {
    const { keeper } = this;
    const { protocol, steps, resume } = this.person.parts[part];
    this.protocol = this.protocols[protocol];
    this.steps = [...steps];
    this.clock = this.makeClock(keeper.open());
    this.afterTrial = false;
    const start = keeper.progress.step;
    await this.fetchBlocks(part, start);
    let welcome = start > 0 || keeper.decided !== null;
    for (let step = start; step < this.steps.length; step += 1) {
      await this.fetchBlocks(part, step);
      const at = { part, step };
      if (this.alreadyDone(step)) {
        if (yield* this.finishStep(at)) return true;
        continue;
      }
      if (this.leavesOut(this.steps[step])) continue;
      const again = welcome ? [resume, ...this.steps.slice(0, step).filter(isInstruction)] : [];
      for (const page of again) yield* this.show({ kind: "page", step: page, at });
      welcome = false;
      if (yield* this.step(at)) return true;
    }
    return false;
  }

  async fetchBlocks(part, until) {
    for (let at = 0; at <= until && at < this.steps.length; ) {
      if (this.steps[at].kind !== "block") at += 1;
      else this.steps.splice(at, 1, ...(await this.askBlock(part, this.steps[at].block)));
    }
  }

  /** Whether the step's outcome was in the draft when the page was closed. */
  alreadyDone(step) {
    return ANSWERED[this.steps[step].kind]?.includes(this.keeper.decided?.kind) ?? false;
  }

  /** One step; returns whether it ends the session. */
  async *step(at) {
    const step = this.steps[at.step];
    const { kind } = step;
    if (isTrial(step)) {
      const countdown = this.protocol.breaks.ready_s > 0 && !this.afterTrial; // it follows a page
      if (countdown) yield* this.show({ kind: "countdown", at });
      yield* this.show({ kind, trial: { ...step.trial, kept: this.keeper.places }, at });
      this.afterTrial = true;
    } else yield* this.show({ kind, step, at });
    return yield* this.finishStep(at);
  }

  /** Make the record of a step; whether it ends the session (a declined consent) is the value of `yield*`. */
  async *finishStep(at) {
    const { keeper } = this;
    const step = this.steps[at.step];
    const consent = keeper.items.find((item) => item.measure === "consent");
    const declined = consent !== undefined && consent.values.consent === false;
    if (declined && step.declined) yield* this.show({ kind: "page", step: step.declined, at });
    const over = { part: this.person.parts.length, step: 0, reason: "declined" };
    const last = declined || at.step === this.steps.length - 1;
    const end = last ? ending(this.clock.now(), declined ? "declined" : "completed") : [];
    Object.assign(this.answers, keeper.items.findLast(({ kind }) => kind === "answers")?.values);
    const next = last ? { part: at.part + 1, step: 0 } : { part: at.part, step: at.step + 1 };
    const following = { ...next, answers: this.answers };
    const holds = keeper.restarts && !last && [step, this.steps[at.step + 1]].every(isTrial);
    await keeper.commit(at, declined ? over : following, end, holds);
    return declined;
  }

  async *show(show) {
    this.afterTrial = false;
    yield { ...show, protocol: this.protocol, clock: this.clock };
  }
}
