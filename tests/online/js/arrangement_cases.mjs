// Answers cases from standard input, {kind, cases}, with what the page computes; for
// tests/online/test_arrangement_page.py, which compares them with Python's.
import { readFileSync } from "node:fs";

const page = new URL("../../../experiments/twoalike/online/page/js/", import.meta.url);
const { layOutArena } = await import(new URL("arena.js", page));
const { Arrangement } = await import(new URL("arrangement.js", page));
const { Arranging } = await import(new URL("arranging.js", page));
const { pairEvidence, rescaledAverage } = await import(new URL("evidence.js", page));
const { hypot, round } = await import(new URL("numeric.js", page));
const { defaultRng } = await import(new URL("random.js", page));

const measured = (widths) => (text, height) => widths[`${height} ${text}`];

const KINDS = {
  random({ words, calls }) {
    const rng = defaultRng(words);
    return calls.map(([name, ...values]) => rng[name](...values));
  },
  numeric({ numbers, points }) {
    return [numbers.map(([value, decimals]) => round(value, decimals)), points.map((p) => hypot(...p))];
  },
  evidence({ trials, m, floor }) {
    return [pairEvidence(trials, m, floor), rescaledAverage(trials, m, floor)].map((found) => [...found]);
  },
  session({ step, protocol, results }) {
    const arranging = new Arranging(step, protocol);
    const found = [];
    let slowest = 0;
    for (const result of [...results, null]) {
      const began = performance.now();
      found.push(arranging.next());
      slowest = Math.max(slowest, performance.now() - began);
      if (result) arranging.add(result);
    }
    const half = results.length >> 1;
    const resumed = new Arranging(step, protocol, results.slice(0, half)).next();
    return { found, end: arranging.endNote(), half, resumed, slowest };
  },
  layout({ protocol, size, n, rotation, widths }) {
    try {
      const layout = layOutArena(protocol, size, n, measured(widths));
      return { ...layout, seats: layout.seats(n, rotation) };
    } catch (error) {
      if (error.constructor.name !== "NoRoomError") throw error;
      return null;
    }
  },
  events({ trial, protocol, size, widths, events }) {
    const layout = layOutArena(protocol, size, trial.items.length, measured(widths));
    const machine = new Arrangement(trial, protocol, layout);
    return events.map((event) => {
      const items = event.kind === "restart" ? machine.restart(event.time) : machine.handle(event);
      const { scene, deadline, finished, stack, phase } = machine;
      return { items, deadline, finished, stack, phase, scene };
    });
  },
};

const { kind, cases } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(KINDS[kind])));
