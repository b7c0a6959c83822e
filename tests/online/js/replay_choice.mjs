// Reads cases from a JSON file, and prints what the page's modules make of them.
import { readFileSync } from "node:fs";

const page = new URL("../../../experiments/twoalike/online/page/js/", import.meta.url);
const { ChoiceMachine } = await import(new URL("choice.js", page).href);
const { layOut } = await import(new URL("layout.js", page).href);
const machines = await import(new URL("page-machines.js", page).href);

const makers = {
  layout: ({ protocol, size, n, measured }) => {
    const { hit, ...layout } = layOut(protocol, size, n, measured);
    return layout;
  },
  trial: ({ trial, protocol, size, steps }) => {
    const layout = layOut(protocol, size, trial.stimuli.length, null);
    return replay(new ChoiceMachine(trial, protocol, layout), steps);
  },
  page: ({ step, steps }) => replay(new machines.PageMachine(step), steps),
  question: ({ step, protocol, steps }) =>
    replay(new machines.QuestionMachine(step, protocol), steps),
  countdown: ({ seconds, steps }) => replay(new machines.Countdown("Ready", seconds), steps),
  answer: ({ kind, entry }) => {
    try {
      return machines.readAnswer(kind, entry);
    } catch (error) {
      return error.name;
    }
  },
};

function replay(machine, steps) {
  const found = [];
  for (const step of steps) {
    const items = step.kind === "restart" ? machine.restart(step.time) : machine.handle(step);
    const { scene, deadline, finished, tone } = machine;
    found.push({ items, scene, deadline, finished, tone });
    if (finished) break;
  }
  return found;
}

const cases = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(JSON.stringify(cases.map(({ made, ...given }) => makers[made](given))));
