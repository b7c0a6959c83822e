import assert from "node:assert/strict";
import { test } from "node:test";

import { ArenaLayout } from "../../../experiments/twoalike/online/page/js/arena.js";
import { Arrangement } from "../../../experiments/twoalike/online/page/js/arrangement.js";
import { touchable } from "../../../experiments/twoalike/online/page/js/fingers.js";

const texts = { left: "{n} left", left_one: "1 left", left_none: "none left", too_few: "not yet" };
const PROTOCOL = {
  screen: { text_fraction: 0.026 },
  arena: {
    arena_fraction: 0.68, item_fraction: 0.2, minimum_px: 32, magnify_fraction: 0.5, held_scale: 1.15,
  },
  timing: { trial_limit_s: 0, show_timer: true, minimum_s: 0, confirm_s: 3 },
  answers: {
    done_keys: ["return"], start_over_keys: [], magnify_keys: ["space"], next_keys: ["tab"],
    previous_keys: [], step_fraction: 0.02, magnify_button: true, confirm_done: false,
  },
  rules: { start_over: true, unplaced_allowed: 0 },
  texts: { ...texts, done: "Done", confirm: "?", start_over: "Again", confirm_start_over: "?" },
};
const TRIAL = {
  trial_index: 1, items: ["a", "b"], order: [0, 1], rotation: 0, progress: null,
};

function begun({ protocol = PROTOCOL } = {}) {
  const layout = new ArenaLayout(protocol, [360, 740], 2);
  const machine = new (touchable(Arrangement))(TRIAL, protocol, layout);
  machine.handle({ kind: "shown", time: 0 });
  const [x, y] = machine.places[0];
  const touch = (kind, time, dx = 0, dy = 0) =>
    machine.handle({ kind, time, x: x + dx, y: y + dy, button: "left", pointer: "touch" });
  return { machine, touch, at: [x, y] };
}

const rows = (items) => items.filter(({ kind }) => kind === "event").map(({ values }) => values);

test("a finger that rests on an image shows it large until it leaves", () => {
  const { machine, touch } = begun();
  touch("press", 1);
  assert.equal(machine.deadline, 1.5);
  touch("move", 1.3, 3, 2);
  assert.equal(machine.scene.magnified, null);
  assert.deepEqual(machine.handle({ kind: "tick", time: 1.5 }), []);
  assert.equal(machine.scene.magnified, "a");
  touch("move", 1.8, 40, 0);
  const [row] = rows(touch("release", 2, 40, 0));
  assert.deepEqual([row.trial_type, row.onset, row.duration, row.pointer], ["inspect", 1.5, 0.5, "touch"]);
  assert.equal(machine.scene.magnified, null);
  assert.equal(machine.handling[0].n_moves, 0);
});

test("a finger that moves drags, however long it then rests", () => {
  const { machine, touch } = begun();
  touch("press", 1);
  touch("move", 1.1, -60, 10);
  machine.handle({ kind: "tick", time: 3 });
  assert.equal(machine.scene.magnified, null);
  const [row] = rows(touch("release", 4, -60, 10));
  assert.deepEqual([row.trial_type, row.pointer], ["drag", "touch"]);
  assert.equal(machine.handling[0].n_moves, 1);
});

test("a tap that trembles moves nothing", () => {
  const { machine, touch, at } = begun();
  touch("press", 1);
  touch("move", 1.1, 2, 1);
  assert.deepEqual(touch("release", 1.2, 3, 1), []);
  assert.deepEqual(machine.places[0], at);
});

test("without the right button a long press means nothing", () => {
  const answers = { ...PROTOCOL.answers, magnify_button: false };
  const { machine, touch } = begun({ protocol: { ...PROTOCOL, answers } });
  touch("press", 1);
  machine.handle({ kind: "tick", time: 2 });
  assert.equal(machine.scene.magnified, null);
});

test("what moved an image is noted for each move", () => {
  const { machine, at } = begun();
  const [x, y] = at;
  const mouse = { button: "left", pointer: "mouse" };
  machine.handle({ kind: "press", time: 1, x, y, ...mouse });
  const drag = rows(machine.handle({ kind: "release", time: 2, x: 0, y: 0, ...mouse }));
  machine.handle({ kind: "key", time: 3, key: "tab" });
  machine.handle({ kind: "nudge", time: 4, dx: 1, dy: 0, fine: false });
  const [left, top] = machine.places[0];
  const touch = { time: 5, x: left, y: top, button: "left", pointer: "touch" };
  const nudged = rows(machine.handle({ kind: "press", ...touch }));
  machine.handle({ kind: "move", ...touch, time: 5.1, x: left + 30 });
  const touched = rows(machine.handle({ kind: "release", ...touch, time: 5.2, x: left + 30 }));
  assert.deepEqual([drag, nudged, touched].map(([row]) => row.pointer), ["mouse", "keyboard", "touch"]);
});

test("a trial drawn smaller than laid out takes presses where they are seen", () => {
  const { machine, at } = begun();
  machine.scale = 0.5;
  const mouse = { button: "left", pointer: "mouse" };
  machine.handle({ kind: "press", time: 1, x: at[0] / 2, y: at[1] / 2, ...mouse });
  assert.equal(machine.held.item, 0);
  machine.handle({ kind: "release", time: 2, x: 20, y: 10, ...mouse });
  assert.deepEqual(machine.places[0], [40, 20]);
});

test("an interruption lets the finger go", () => {
  const { machine, touch } = begun();
  touch("press", 1);
  const items = machine.restart(9);
  assert.equal(items.at(-1).event, "trial_paused");
  assert.equal(machine.deadline, null);
  assert.equal(machine.held, null);
});

test("a touch that the browser takes away leaves the image where it was", () => {
  const { machine, touch, at } = begun();
  touch("press", 1);
  touch("move", 1.1, 20, 30);
  const lost = { kind: "release", x: -180, y: 370, button: "left", pointer: "touch" };
  machine.handle({ ...lost, time: 2, cancelled: true });
  assert.deepEqual(machine.places[0], [at[0] + 20, at[1] + 30]);
  assert.equal(machine.held, null);
});
