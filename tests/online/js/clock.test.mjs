import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../../experiments/twoalike/online/page/js/clock.js";

test("seconds count from the start of the run, and go on after a resume", () => {
  let now = 5000;
  const clock = new Clock(0, () => now);
  now = 6250;
  assert.equal(clock.now(), 1.25);
  assert.equal(clock.at(5000.5), 0.0005);
  assert.equal(new Clock(90, () => 6250).at(7250), 91);
});

test("what happened before the clock started does not come before it", () => {
  assert.equal(new Clock(3, () => 1000).at(400), 3);
});
