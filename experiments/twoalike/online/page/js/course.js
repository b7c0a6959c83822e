/**
 * The course of a session: what is shown, in which order, and the record of each step.
 *
 * The order is that of the window: a trial that follows a page begins with a countdown, a consent
 * that is declined ends the session, an arrangement depends on those before, and a page that
 * welcomes back and the instruction come again before what is left.
 */

/**
 * @typedef {object} Show What is shown next.
 * @property {"page"|"question"|"countdown"|"trial"|"arrangement"} kind
 * @property {object} [step] Page or question.
 * @property {object} [trial]
 * @property {object} protocol
 * @property {{part: number, step: number}} at
 */

const ANSWERED = { question: "answers", trial: "choice" };

/** Whether a step is a page of the instruction. */
const isInstruction = ({ kind, name }) => kind === "page" && name === "instruction";

/** Note that a part is over, and the item that ends its last record. */
function ending(time, reason) {
  return [
    { kind: "note", event: "session_end", time, detail: { reason } },
    { kind: "end", time, reason },
  ];
}

export class Course {
  /**
   * @param {object} parts
   * @param {object} parts.person Who takes part: steps by part.
   * @param {Record<string, object>} parts.protocols
   * @param {import("./keeper.js").Keeper} parts.keeper
   * @param {object[]} [parts.results] Arrangements of the present part so far.
   * @param {(step: object, protocol: object, results: object[]) => object} parts.arrange Makes
   *   what chooses arrangements.
   * @param {(part: number, block: number) => Promise<object[]>} parts.askBlock Asks for steps.
   * @param {(start: number) => {now: () => number}} parts.makeClock
   */
  constructor({ person, protocols, keeper, results = [], arrange, askBlock, makeClock }) {
    Object.assign(this, { person, protocols, keeper, results, arrange, askBlock, makeClock });
    this.clock = null;
    this.afterTrial = false;
  }

  /**
   * All that is shown; `next` takes what the present show has given: `{items}`.
   *
   * @returns {AsyncGenerator<Show, "completed"|"declined", {items: object[]}>}
   */
  async *shows() {
    const { progress } = this.keeper;
    for (let { part } = progress; part < this.person.parts.length; part += 1) {
      const declined = yield* this.part(part);
      if (declined) return "declined";
    }
    return progress.reason ?? "completed";
  }

  /** Where a session is after its last step. */
  get over() {
    return { part: this.person.parts.length, step: 0 };
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
    let welcome = start > 0 || this.results.length > 0 || keeper.decided !== null;
    for (let step = start; step < this.steps.length; step += 1) {
      await this.fetchBlocks(part, step);
      const at = { part, step };
      if (this.alreadyDone(step)) {
        if (yield* this.finishStep(at)) return true;
        continue;
      }
      const again = welcome ? [resume, ...this.steps.slice(0, step).filter(isInstruction)] : [];
      for (const page of again) yield* this.show({ kind: "page", step: page, at });
      welcome = false;
      if (yield* this.step(at)) return true;
    }
    this.results = [];
    return false;
  }

  /** Replace blocks up to a step by the trials that the server chooses for them. */
  async fetchBlocks(part, until) {
    for (let at = 0; at <= until && at < this.steps.length; ) {
      if (this.steps[at].kind !== "block") at += 1;
      else this.steps.splice(at, 1, ...(await this.askBlock(part, this.steps[at].block)));
    }
  }

  /** Whether the step's outcome was in the draft when the page was closed. */
  alreadyDone(step) {
    const kind = ANSWERED[this.steps[step].kind];
    return kind !== undefined && this.keeper.decided?.kind === kind;
  }

  /** One step; returns whether it ends the session. */
  async *step(at) {
    const step = this.steps[at.step];
    if (step.kind === "arrangements") return yield* this.arrangements(step, at);
    if (step.kind === "trial") yield* this.showTrial({ kind: "trial", trial: step.trial, at });
    else yield* this.show({ kind: step.kind, step, at });
    return yield* this.finishStep(at);
  }

  /** Make the record of a step; returns whether it ends the session. */
  async *finishStep(at) {
    const { keeper } = this;
    const step = this.steps[at.step];
    const consent = keeper.items.find((item) => item.measure === "consent");
    const declined = consent !== undefined && consent.values.consent === false;
    if (declined && step.declined) yield* this.show({ kind: "page", step: step.declined, at });
    const last = declined || at.step === this.steps.length - 1;
    const reason = declined ? "declined" : "completed";
    const end = last ? ending(this.clock.now(), reason) : [];
    const following = last ? { part: at.part + 1, step: 0 } : { part: at.part, step: at.step + 1 };
    await keeper.commit(at, declined ? { ...this.over, reason } : following, { end });
    return declined;
  }

  /** All arrangements of a part, a record each. */
  async *arrangements(step, at) {
    const { keeper } = this;
    const arranging = this.arrange(step, this.protocol, this.results);
    const closed = keeper.decided;
    if (closed?.kind === "arrangement") await this.keepArrangement(arranging, closed, at);
    for (let next = arranging.next(); next !== null; next = arranging.next()) {
      if (next.page) yield* this.show({ kind: "page", step: next.page, at });
      const trial = { ...next.trial, kept: keeper.places };
      yield* this.showTrial({ kind: "arrangement", trial, at });
      await this.keepArrangement(arranging, keeper.decided, at);
    }
    const end = arranging.endNote();
    const noted = keeper.items.some((item) => item.event === end?.event);
    // It goes out with the record of the next step; a page may have been opened since.
    if (end && !noted) keeper.take([{ ...end, time: Math.max(end.time, keeper.time) }]);
    return false;
  }

  async keepArrangement(arranging, result, at) {
    arranging.add(result);
    this.results.push(result);
    await this.keeper.commit(at, at, { result });
  }

  /** A trial, after a countdown if it follows a page. */
  async *showTrial(show) {
    const countdown = this.protocol.breaks.ready_s > 0 && !this.afterTrial;
    if (countdown) yield* this.show({ kind: "countdown", at: show.at });
    yield* this.show(show);
    this.afterTrial = true;
  }

  async *show(show) {
    this.afterTrial = false;
    const { items } = yield { ...show, protocol: this.protocol, clock: this.clock };
    this.keeper.take(items);
  }
}
