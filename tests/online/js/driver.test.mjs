import assert from "node:assert/strict";
import { test } from "node:test";

import { plannedFrame, rateOf } from "../../../experiments/twoalike/online/page/js/driver.js";

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
