import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../../experiments/twoalike/online/page/js/clock.js";
import { plannedFrame, rateOf, run } from "../../../experiments/twoalike/online/page/js/driver.js";

const steady = (gap, n = 60) => Array.from({ length: n + 1 }, (_, at) => 100 + gap * at);

test("the refresh rate is that of most frames; some may be late", () => {
  assert.equal(rateOf(steady(20)), 50);
  const late = steady(20);
  for (let at = 30; at < late.length; at += 1) late[at] += 20;
  assert.equal(rateOf(late), 50);
});

test("there is no rate where frames come irregularly, or never as a screen's", () => {
  const irregular = steady(20).map((stamp, at) => stamp + (at % 3) * 6);
  assert.equal(rateOf(irregular), null);
  assert.equal(rateOf(steady(1)), null);
});

test("a frame is planned for the first refresh after the change was due", () => {
  assert.equal(plannedFrame(0.49, 0.5, 50), 0.5);
  assert.equal(plannedFrame(0.5, 0.5, 50), 0.5);
  assert.ok(Math.abs(plannedFrame(0.45, 0.5, 50) - 0.46) < 1e-9);
  assert.equal(plannedFrame(0.1, 0.5, null), 0.5);
});

test("events of the future and frames that began before them do not turn time back", async () => {
  const frames = [];
  globalThis.requestAnimationFrame = (frame) => frames.push(frame);
  globalThis.cancelAnimationFrame = () => {};
  Object.assign(globalThis, { window: new EventTarget(), document: new EventTarget() });
  const getBoundingClientRect = () => ({ width: 9, height: 9 });
  const root = Object.assign(new EventTarget(), { getBoundingClientRect });
  let now = 1000;
  const clock = new Clock(0, () => now);
  const times = [];
  const trial = () => ({
    handle({ kind, time }) {
      times.push(time);
      this.finished = kind === "key" || times.length === 5;
    },
  });
  const first = run(trial(), { draw() {} }, { root, clock });
  await null;
  frames.shift()(1010);
  now = 1020; // both as WebKitGTK gives them on a busy machine
  const about = { code: "KeyF", key: "f", timeStamp: 1074, target: root };
  const given = Object.entries(about).map(([name, value]) => [name, { value }]);
  window.dispatchEvent(Object.defineProperties(new Event("keydown"), Object.fromEntries(given)));
  await first;
  const second = run(trial(), { draw() {} }, { root, clock });
  await null;
  frames.at(-1)(1017);
  await second;
  assert.deepEqual(times, [0.01, 0.01, 0.02, 0.02, 0.02]);
});
