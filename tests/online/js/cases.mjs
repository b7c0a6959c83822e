// Reads cases from standard input, and prints what the page's modules make of them.
import { readFileSync } from "node:fs";

const page = new URL("../../../experiments/twoalike/online/page/js/", import.meta.url);
const { ArenaLayout } = await import(new URL("arena.js", page).href);
const { Arrangement } = await import(new URL("arrangement.js", page).href);
const { ChoiceMachine } = await import(new URL("choice.js", page).href);
const { listening } = await import(new URL("listening.js", page).href);
const { round } = await import(new URL("layout.js", page).href);
const { PilesLayout } = await import(new URL("piles.js", page).href);
const { RatingMachine } = await import(new URL("rating.js", page).href);
const { Sorting } = await import(new URL("sorting.js", page).href);
const machines = await import(new URL("page-machines.js", page).href);

const makers = {
  round: ({ numbers }) => numbers.map((one) => round(...one)),
  arrangement: ({ trial, protocol, size, steps, lengths }) => {
    const sorts = protocol.task === "free-sorting";
    const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, size, trial.items.length);
    return replay(made(sorts ? Sorting : Arrangement, lengths, trial, protocol, layout), steps, true);
  },
  trial: ({ trial, protocol, steps, lengths }) =>
    replay(made(ChoiceMachine, lengths, trial, protocol, 60), steps),
  rating: ({ trial, protocol, steps, lengths }) =>
    replay(made(RatingMachine, lengths, trial, protocol), steps),
  page: ({ step, steps }) => replay(new machines.PageMachine(step), steps),
  question: ({ step, protocol, steps }) =>
    replay(new machines.QuestionMachine(step, protocol), steps),
  countdown: ({ seconds, steps }) => replay(new machines.Countdown("Ready", seconds), steps),
  answer: ({ step, entry }) => {
    try {
      return machines.readAnswer(step, entry);
    } catch (error) {
      return error.name;
    }
  },
};

/** A machine, which plays its sounds where there are any. */
function made(Machine, lengths, ...parts) {
  if (!lengths) return new Machine(...parts);
  const files = Object.fromEntries(Object.entries(lengths).map(([name, seconds]) => [name, { seconds }]));
  const speaker = { files, on: true, play() {}, stop() {} };
  return Object.assign(new (listening(Machine))(...parts), { speaker });
}

/** What a machine gives and shows after each step, until it is over, or also afterwards. */
function replay(machine, steps, after = false) {
  const found = [];
  for (const step of steps) {
    const items = step.kind === "restart" ? machine.restart(step.time) : machine.handle(step);
    const { scene, deadline, finished } = machine;
    const more = after ? { stack: [...machine.stack] } : {};
    // Where sounds are played, their ends are no deadlines: each frame looks at them.
    found.push({ items, scene, deadline: machine.speaker ? null : deadline, finished, ...more });
    if (finished && !after) break;
  }
  return found;
}

const cases = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ made, ...given }) => makers[made](given))));
