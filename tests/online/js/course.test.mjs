import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Course } from "../../../experiments/twoalike/online/page/js/course.js";
import { Keeper } from "../../../experiments/twoalike/online/page/js/keeper.js";
import { MemoryStorage } from "./memory.mjs";
import { whereToGoOn } from "../../../experiments/twoalike/online/page/js/visit.js";

const page = (name) => ({ kind: "page", name });
const consent = { kind: "question", measure: "consent", id: "consent", declined: page("declined") };
const trial = (n) => ({ kind: "trial", trial: { trial_index: n, stimuli: ["a", "b", "c"] } });
const note = (event, time) => ({ kind: "note", event, time, detail: {} });

const part = (...steps) => ({ protocol: "p", task: "t", steps, resume: page("resume") });

/** A session in a tab: shows what comes next, and takes what the participant did. */
class Tab {
  constructor(storage, parts, { blocks = {}, server = { acknowledged: 0, resume: null }, restarts } = {}) {
    Object.assign(this, { storage, parts, blocks, server, restarts });
    this.time = 0;
    this.seen = [];
    this.records = [];
  }

  async open() {
    const where = whereToGoOn(await this.storage.load(), this.server);
    this.keeper = new Keeper({
      storage: this.storage,
      queue: { add: (records) => this.records.push(...records) },
      head: { session: "s", protocol: "h" },
      device: () => ({ browser: "other" }),
      restarts: this.restarts,
      ...where,
    });
    this.course = new Course({
      person: { parts: this.parts },
      protocols: { p: { breaks: { ready_s: 3 } } },
      keeper: this.keeper,
      askBlock: async (_, block) => this.blocks[block],
      makeClock: (start) => ({ now: () => start + (this.time += 1) }),
    });
    this.shows = this.course.shows();
    await this.next();
    return this;
  }

  async next(items) {
    if (items) this.keeper.take(items);
    const { value, done } = await this.shows.next();
    this.now = done ? null : value;
    this.reason = done ? value : null;
    if (!done) this.seen.push(value.step?.name ?? value.step?.id ?? value.kind);
  }

  /** Let the participant do what is asked, some times over. */
  async go(times = 1, answer = undefined) {
    for (let at = 0; at < times && this.now; at += 1) await this.next(outcome(this.now, answer));
    return this;
  }
}

function outcome({ kind, step, trial: shown }, answer = true) {
  if (kind === "trial") return [{ kind: "choice", trial_index: shown.trial_index, onset: 1, answer: null }];
  if (kind === "arrangement") return [arrangement(shown.trial_index)];
  if (kind === "countdown") return [note("ready", 1)];
  const left = note(step.name ?? "question", 1);
  if (kind === "page") return [left];
  return [left, { kind: "answers", measure: step.measure, values: { [step.id]: answer } }];
}

const arrangement = (n) => ({ kind: "arrangement", trial_index: n, ending: { time: n } });
const arranged = (n) => ({ kind: "arrangement", trial: { trial_index: n, items: ["a", "b"] } });
const block = (n) => ({ kind: "block", block: n, task: "multi-arrangement" });
/** Arrangements, each chosen after the one before, with a page before the second. */
const CHOSEN = {
  1: [arranged(1), block(2)],
  2: [page("pause"), arranged(2), block(3)],
  3: [],
};

let storage;
beforeEach(() => {
  storage = new MemoryStorage();
});
const kinds = (record) => record.items.map((item) => item.event ?? item.kind);

test("every step gives a record, and a countdown comes before a trial after a page", async () => {
  const steps = [consent, page("instruction"), trial(1), trial(2), page("end")];
  const tab = await (await new Tab(storage, [part(...steps)]).open()).go(9);
  assert.deepEqual(tab.seen, ["consent", "instruction", "countdown", "trial", "trial", "end"]);
  assert.equal(tab.reason, "completed");
  assert.deepEqual(tab.records.map(({ n, step }) => [n, step]), [[1, 0], [2, 1], [3, 2], [4, 3], [5, 4]]);
  assert.deepEqual(kinds(tab.records[0]), ["segment", "question", "answers"]);
  assert.deepEqual(kinds(tab.records[2]), ["ready", "choice"]);
  assert.deepEqual(kinds(tab.records[4]), ["end", "session_end", "end"]);
  assert.equal(tab.records[4].items.at(-1).reason, "completed");
});

test("the record of a step is in the storage before the next step begins", async () => {
  const tab = await new Tab(storage, [part(page("one"), page("two"))]).open();
  await tab.go();
  assert.equal(tab.seen.at(-1), "two");
  const { records, progress, draft } = await storage.load();
  assert.deepEqual([records.length, progress.n, progress.step, draft.length], [1, 1, 1, 0]);
});

test("consent that is declined ends the session, also when the page is opened again", async () => {
  const parts = [part(consent, page("end")), part(page("more"))];
  const tab = await (await new Tab(storage, parts).open()).go(2, false);
  assert.deepEqual(tab.seen, ["consent", "declined"]);
  assert.equal(tab.reason, "declined");
  assert.equal(tab.records.length, 1);
  assert.deepEqual(tab.records[0].items.slice(-1)[0].reason, "declined");
  assert.equal((await new Tab(storage, parts).open()).reason, "declined");
});

test("a page that is opened again welcomes back, instructs, and goes on with the next trial", async () => {
  const steps = [page("instruction"), trial(1), trial(2), trial(3), page("end")];
  const first = await (await new Tab(storage, [part(...steps)]).open()).go(3);
  first.keeper.take([note("trial_shown", 7)]);
  await first.keeper.writing;
  const second = await new Tab(storage, [part(...steps)]).open();
  assert.ok(second.course.clock.now() > 7);
  await second.go(9);
  assert.deepEqual(second.seen, ["resume", "instruction", "countdown", "trial", "trial", "end"]);
  assert.deepEqual(second.records.map(({ n, step }) => [n, step]), [[3, 2], [4, 3], [5, 4]]);
  const order = ["trial_shown", "segment", "resume", "instruction", "ready", "choice"];
  assert.deepEqual(kinds(second.records[0]), order);
});

test("a page that is opened three times in a trial keeps all its segments, in their order", async () => {
  const tab = () => new Tab(storage, [part(trial(1), trial(2))]).open();
  for (let at = 0; at < 2; at += 1) await (await (await tab()).go(1)).keeper.writing;
  const [record] = (await (await tab()).go(9)).records;
  const order = ["segment", "ready", "segment", "ready", "segment", "ready", "choice"];
  assert.deepEqual(kinds(record), order);
  const times = record.items.filter(({ kind }) => kind === "segment").map(({ time }) => time);
  assert.deepEqual(times, times.toSorted((one, other) => one - other));
});

test("a trial that was answered when the page was closed is not shown again", async () => {
  const steps = [trial(1), trial(2)];
  const first = await (await new Tab(storage, [part(...steps)]).open()).go(1);
  first.keeper.take(outcome(first.now));
  await first.keeper.writing;
  const second = await (await new Tab(storage, [part(...steps)]).open()).go(9);
  assert.deepEqual(second.seen, ["resume", "countdown", "trial"]);
  assert.deepEqual(second.records.map(({ n, step }) => [n, step]), [[1, 0], [2, 1]]);
});

test("a block whose trials count only together begins anew, and its records come at its end", async () => {
  const steps = [trial(1), page("pause"), trial(2), trial(3), page("end")];
  const tab = () => new Tab(storage, [part(...steps)], { restarts: true }).open();
  const first = await (await tab()).go(5);
  assert.deepEqual(first.records.map(({ n }) => n), [1, 2]);
  await (await (await tab()).go(3)).keeper.writing;
  const last = await (await tab()).go(3);
  assert.equal(last.records.length, 0);
  await last.go(9);
  assert.deepEqual(last.records.map(({ n, step }) => [n, step]), [[3, 2], [4, 3], [5, 4]]);
  const anew = ["segment", "block_restarted"];
  assert.deepEqual(kinds(last.records[0]), [...anew, ...anew, "resume", "ready", "choice"]);
});

test("what the server has decides where this browser knows less", async () => {
  const resume = { part: 1, step: 1, time: 50 };
  const server = { acknowledged: 7, resume };
  const parts = [part(page("one")), part(page("two"), page("three"))];
  const tab = await (await new Tab(storage, parts, { server }).open()).go(9);
  assert.deepEqual(tab.seen, ["resume", "three"]);
  assert.deepEqual(tab.records.map(({ n, part: at }) => [n, at]), [[8, 1]]);
  assert.ok(tab.records[0].items[0].time >= 50);
});

test("arrangements are a record each, and go on where they were", async () => {
  const tab = () => new Tab(storage, [part(block(1), page("end"))], { blocks: CHOSEN }).open();
  const first = await (await tab()).go(3);
  assert.deepEqual(first.seen, ["countdown", "arrangement", "pause", "countdown"]);
  const second = await (await tab()).go(9);
  assert.deepEqual(second.seen, ["resume", "countdown", "arrangement", "end"]);
  const all = [...first.records, ...second.records];
  assert.deepEqual(all.map(({ n, step }) => [n, step]), [[1, 0], [2, 1], [3, 2], [4, 3]]);
  assert.deepEqual(kinds(all[3]), ["end", "session_end", "end"]);
});

test("an arrangement that had ended when the page was closed counts once", async () => {
  const tab = () => new Tab(storage, [part(arranged(1), page("end"))]).open();
  const first = await (await tab()).go(1);
  first.keeper.take([arrangement(1)]);
  await first.keeper.writing;
  const second = await (await tab()).go(9);
  assert.ok(!second.seen.includes("arrangement"));
  assert.deepEqual(second.records.map(({ n, step }) => [n, step]), [[1, 0], [2, 1]]);
});

test("blocks become the trials that the server chooses, also behind a resume", async () => {
  const steps = [page("instruction"), { kind: "block", block: 1 }, { kind: "block", block: 2 }, page("end")];
  const blocks = { 1: [trial(1), trial(2)], 2: [page("pause"), trial(3)] };
  const first = await (await new Tab(storage, [part(...steps)], { blocks }).open()).go(4);
  assert.equal(first.seen.at(-1), "pause");
  const second = await (await new Tab(storage, [part(...steps)], { blocks }).open()).go(9);
  assert.deepEqual(second.seen, ["resume", "instruction", "pause", "countdown", "trial", "end"]);
  assert.deepEqual(second.records.map(({ step }) => step), [3, 4, 5]);
});

test("each part has a clock and a description of the device of its own", async () => {
  const parts = [part(page("one")), part(page("two"))];
  const tab = await (await new Tab(storage, parts).open()).go(9);
  assert.deepEqual(tab.records.map((record) => record.items[0].kind), ["segment", "segment"]);
  assert.equal(tab.records[1].items[0].time, 0);
});
