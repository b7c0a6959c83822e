// Plays whole sessions whose page is loaded anew on the way; for tests/online/test_reloads.py.
// From standard input: {folder, seats: [{code, reloads}]}. A reload comes after so many groups of
// items since the page was opened. Writes for each seat its records, and whether it came to the
// last reload.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { MemoryStorage } from "./memory.mjs";

const page = new URL("../../../experiments/twoalike/online/page/js/", import.meta.url);
const load = (name) => import(new URL(name, page));
const { ArenaLayout } = await load("arena.js");
const { Arrangement } = await load("arrangement.js");
const { PilesLayout } = await load("piles.js");
const { Sorting } = await load("sorting.js");
const { Course } = await load("course.js");
const { Keeper } = await load("keeper.js");
const { ChoiceMachine } = await load("choice.js");
const { Countdown, PageMachine, QuestionMachine } = await load("page-machines.js");
const { whereToGoOn } = await load("visit.js");

const ENTRIES = { age: "30", text: "simulated" };
const DEVICE = {
  ...{ browser: "chrome", browser_version: "126.0", system: "windows", mobile: false },
  ...{ window_px: [1280, 1024], pixel_ratio: 1, refresh_hz: 60, fullscreen: true, touch: false },
  ...{ px_per_cm: null, distance_cm: null },
};

/** Items of a show as they arise: those that come at once are a group. */
function* groups({ kind, clock, ...show }) {
  if (kind === "arrangement") {
    yield* arrange(show, clock.now());
    return;
  }
  const items = [...taken(kind, show, clock.now())];
  if (kind === "trial") yield* items.map((item) => [item]);
  else yield items;
}

/** What a machine gives for the events of somebody who goes on at once. */
function taken(kind, { step, trial, protocol }, time) {
  const shown = (at) => ({ kind: "shown", time: at, dropped: 0, planned: at });
  const play = (machine, events) => events.flatMap((event) => machine.handle(event));
  if (kind === "page") {
    const end = { kind: "go_on", time: time + step.minimum_s };
    return play(new PageMachine(step), [{ kind: "read", time }, shown(time), end]);
  }
  if (kind === "countdown") {
    const machine = new Countdown(protocol.texts.ready, protocol.breaks.ready_s);
    return play(machine, [shown(time), { kind: "tick", time: time + protocol.breaks.ready_s }]);
  }
  if (kind === "question") {
    const machine = new QuestionMachine(step, protocol);
    const at = time + machine.minimum;
    const entered = { kind: "entered", time: at, entry: ENTRIES[step.question] };
    const answer = { kind: step.question === "choice" ? "pick" : "confirm", time: at, option: 0 };
    return play(machine, [{ kind: "read", time }, shown(time), entered, answer]);
  }
  const machine = new ChoiceMachine(trial, protocol);
  const onset = time + protocol.timing.fixation_s;
  const [key] = machine.keys[trial.positions.find((place) => place in machine.keys)];
  const pressed = { kind: "key", time: onset + 0.7, key };
  return play(machine, [shown(time), { kind: "tick", time: onset }, shown(onset), pressed]);
}

/**
 * Drag the images that are not in the circle or a pile yet, and press Done; in practice, start over and let
 * the time pass instead.
 */
function* arrange({ trial, protocol }, begun) {
  const sorts = protocol.task === "free-sorting";
  const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, [1280, 1024], trial.items.length);
  const machine = new (sorts ? Sorting : Arrangement)(trial, protocol, layout);
  let time = begun;
  const press = function* (kind, x, y) {
    const items = machine.handle({ kind, time, x, y, button: "left", pointer: "mouse" });
    if (items.length) yield items;
  };
  yield machine.handle({ kind: "shown", time, dropped: 0, planned: time });
  for (const item of trial.items.keys()) {
    if (machine.inside(item)) continue;
    time += 1;
    yield* press("press", ...machine.places[item]);
    time += 1;
    const angle = 7 * item + begun;
    const pile = sorts && layout.cells[item % 3];
    const place = sorts ? [pile.x, pile.y] : layout.toPixels(0.4 * Math.cos(angle), 0.4 * Math.sin(angle));
    yield* press("release", ...place);
  }
  const [kind, times] = trial.trial_index === 1 ? ["start_over", 2] : ["done", 1];
  for (let at = 0; at < times; at += 1) {
    time += 1;
    const items = machine.handle({ kind, time, method: "mouse" });
    if (items.length) yield items;
  }
  if (machine.phaseEnd !== null) yield machine.handle({ kind: "tick", time: machine.phaseEnd });
}

async function play({ person, study, reloads }) {
  const storage = new MemoryStorage();
  const [records, given] = [[], []];
  const restarts = study.reload === "restart-block";
  for (const budget of [...reloads, Infinity]) {
    const where = whereToGoOn(await storage.load(), { acknowledged: 0, resume: null });
    const keeper = new Keeper({
      storage,
      queue: { add: (fresh) => records.push(...fresh) },
      head: { session: `s-${person.participant}`, protocol: study.hash },
      device: () => DEVICE,
      restarts,
      ...where,
    });
    const course = new Course({
      person,
      protocols: study.protocols,
      keeper,
      makeClock: () => ({ now: () => Math.ceil(2 * keeper.time + 1) / 2 }), // exact sums
    });
    const done = await openUntil(course.shows(), keeper, budget, given);
    await keeper.writing;
    if (done) return { records, given, reached: budget === Infinity };
  }
}

/** Go on until so many groups were given; returns whether the session is over. */
async function openUntil(shows, keeper, budget, given) {
  let left = budget;
  for (let { value, done } = await shows.next(); ; ) {
    if (done) return true;
    for (const group of groups(value)) {
      if (left <= 0) return false;
      left -= 1;
      keeper.take(group);
      given.push(...group);
    }
    if (left <= 0 && budget !== Infinity && value.kind !== "trial") return false;
    ({ value, done } = await shows.next());
  }
}

const { folder, seats } = JSON.parse(readFileSync(0, "utf8"));
const read = (...path) => JSON.parse(readFileSync(join(folder, ...path), "utf8"));
const study = read("session.json");
const found = [];
for (const { code, reloads } of seats) {
  found.push(await play({ person: read("people", `${code}.json`), study, reloads }));
}
process.stdout.write(JSON.stringify(found));
