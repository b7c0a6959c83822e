import assert from "node:assert/strict";
import { test } from "node:test";

import {
  belongsToControl,
  DIRECTIONS,
  keyName,
} from "../../../experiments/twoalike/online/page/js/keys.js";

test("keys have the names of protocols", () => {
  const names = {
    left: { key: "ArrowLeft", code: "ArrowLeft" },
    space: { key: " ", code: "Space" },
    return: { key: "Enter", code: "Enter" },
    num_enter: { key: "Enter", code: "NumpadEnter" },
    num_1: { key: "End", code: "Numpad1" },
    1: { key: "1", code: "Digit1" },
    a: { key: "A", code: "KeyQ" },
    f5: { key: "F5", code: "F5" },
    pagedown: { key: "PageDown", code: "PageDown" },
  };
  for (const [name, event] of Object.entries(names)) assert.equal(keyName(event), name);
});

test("digits and letters of other layouts count by their place", () => {
  assert.equal(keyName({ key: "&", code: "Digit1" }), "1");
  assert.equal(keyName({ key: "ф", code: "KeyA" }), "a");
  assert.equal(keyName({ key: "Shift", code: "ShiftLeft" }), null);
});

test("arrows have directions, y up", () => {
  assert.deepEqual(DIRECTIONS.up, [0, 1]);
  assert.ok(!("space" in DIRECTIONS));
});

test("keys that operate what has the focus are left to it", () => {
  const focused = (tag, type) => ({ type, matches: (selector) => matches(selector, tag, type) });
  const matches = (selector, tag, type) =>
    selector.split(", ").some((one) => one === tag || one === `${tag}[type=${type}]`);
  assert.ok(belongsToControl("space", focused("button")));
  assert.ok(!belongsToControl("left", focused("button")));
  assert.ok(belongsToControl("left", focused("input", "text")));
  assert.ok(belongsToControl("a", focused("textarea")));
  assert.ok(!belongsToControl("a", focused("input", "checkbox")));
  assert.ok(!belongsToControl("space", null));
});
