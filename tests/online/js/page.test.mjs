import assert from "node:assert/strict";
import { test } from "node:test";

import { fit, readUserAgent, reworded } from "../../../experiments/twoalike/online/page/js/device.js";
import { filled } from "../../../experiments/twoalike/online/page/js/panels.js";
import { Pictures } from "../../../experiments/twoalike/online/page/js/pictures.js";
import {
  Refused,
  ServerTransport,
  Unreachable,
} from "../../../experiments/twoalike/online/page/js/transports.js";
import { directionOf, isOver, languageOf, visitor, whereToGoOn } from "../../../experiments/twoalike/online/page/js/visit.js";

test("a browser is reduced to kind and version", () => {
  const agents = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.7339.5 Safari/537.36": ["chrome", "140.0", "linux", false],
    "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.1.2": ["edge", "140.0", "windows", false],
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15": ["safari", "18.1", "macos", false],
    "Mozilla/5.0 (Android 14; Mobile; rv:131.0) Gecko/131.0 Firefox/131.0": ["firefox", "131.0", "android", true],
    "Mozilla/5.0 (Linux; Android 14) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36": ["samsung", "26.0", "android", true],
    curl: ["other", "", "other", false],
  };
  for (const [agent, expected] of Object.entries(agents)) {
    assert.deepEqual(Object.values(readUserAgent(agent)), expected);
  }
  const tablet = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.1 Safari/605.1.15";
  assert.deepEqual(Object.values(readUserAgent(tablet, 5)).slice(2), ["ios", true]);
});

test("a window that is too small can be enlarged, turned, or neither", () => {
  assert.equal(fit([800, 600], [640, 480], [1024, 768]), "fits");
  assert.equal(fit([600, 400], [640, 480], [1024, 768]), "enlarge");
  assert.equal(fit([360, 740], [640, 320], [360, 740]), "turn");
  assert.equal(fit([360, 740], [900, 600], [360, 740]), "never");
});

test("a visitor is known by the link or by the ids of the recruiter", () => {
  assert.deepEqual(visitor("?STUDY_ID=2&PROLIFIC_PID=1"), {
    external: { PROLIFIC_PID: "1", STUDY_ID: "2" },
    link: null,
    language: null,
    name: "PROLIFIC_PID=1&STUDY_ID=2",
  });
  const linked = { external: {}, link: "abc", language: "de", name: "link=abc" };
  assert.deepEqual(visitor("?link=abc&lang=de"), linked);
  const names = ["a", "b"].map((visit) => visitor(`?PID=1&SESSION_ID=${visit}`, "PID").name);
  assert.deepEqual(names, ["PID=1", "PID=1"]);
});

test("a page begins in the first language that somebody prefers and the study has", () => {
  assert.equal(languageOf(["en", "de"], ["fr-CA", "de-AT", "en"]), "de");
  assert.equal(languageOf(["en", "de"], ["", "fr"]), "en");
  assert.equal(languageOf([], ["fr"]), undefined);
});

test("a session goes on here, unless the server has more or lacks what is not here", () => {
  const record = (n) => ({ n });
  const progress = { n: 5, part: 0, step: 5, time: 9 };
  const person = (task) => ({ parts: [{ steps: [{ task }] }] });
  const saved = { progress, acknowledged: 4, records: [1, 2, 3, 4, 5].map(record), draft: [] };
  const resume = { part: 0, step: 2, time: 3 };
  const go = (acknowledged, kept = saved, task = "multi-arrangement") => {
    const found = whereToGoOn(kept, { acknowledged, resume, person: person(task) });
    return [found.here, found.progress.n, found.records.map(({ n }) => n)];
  };
  assert.deepEqual(go(4), [true, 5, [5]]);
  assert.deepEqual(go(null), [true, 5, [5]]); // there is no line
  assert.deepEqual(go(7), [false, 7, []]);
  assert.deepEqual(go(2), [true, 5, [3, 4, 5]]); // restored from a backup
  assert.deepEqual(go(2, saved, "odd-one-out"), [false, 2, []]);
  assert.deepEqual(go(4, saved, "odd-one-out"), [true, 5, [5]]);
  assert.deepEqual(go(2, { ...saved, records: [1, 4, 5].map(record) }), [false, 2, []]);
});

test("a session is over after its first trial, if the study or a long absence says so", () => {
  const steps = [{ kind: "page" }, { kind: "trial" }, { kind: "trial" }];
  const entered = { acknowledged: null, person: { parts: [{ steps }] }, away_minutes: 11 };
  const over = (reload, longest_absence, step, { part = 0, ...more } = {}) => {
    const saved = { progress: { n: 0, part, step }, acknowledged: 0, records: [], draft: [], ...more };
    return isOver({ reload, longest_absence }, saved, entered);
  };
  assert.deepEqual([1, 2].map((step) => over("end", 0, step)), [false, true]);
  assert.ok(over("end", 0, 1, { draft: [{ kind: "note", event: "trial_shown" }] }));
  assert.ok(!over("end", 0, 0, { part: 1 })); // all is answered, and was not sent yet
  assert.deepEqual([10, 20].map((minutes) => over("resume", minutes, 2)), [true, false]);
  assert.ok(!over("resume", 10, 2, { seen: Date.now() }));
});

test("texts are filled, and written in their direction", () => {
  assert.equal(filled("{done} of {total}, {other}", { done: 1, total: 2 }), "1 of 2, {other}");
  assert.equal(directionOf("ar-EG"), "rtl");
  assert.equal(directionOf("de"), "ltr");
});

test("sentences about keys are replaced, answers to choose from are not", () => {
  const steps = [{ text: "Tap, or press 1. Go on.", options: ["press 1"], at: 1, none: null }];
  const [step] = reworded(steps, { "Tap, or press 1.": "Tap.", "press 1": "tap" });
  assert.deepEqual(step, { text: "Tap. Go on.", options: ["press 1"], at: 1, none: null });
});

test("images are decoded before they are needed; one that fails is tried again", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const load = async (file) => {
    asked.push(file);
    if (asked.length === 1) throw new Unreachable("no line");
    return { decode: async () => {} };
  };
  const pictures = new Pictures({ a: { file: "a.png" }, b: { file: "b.png" } }, { load });
  const needed = pictures.need(["a", "b", "a", "a word"]);
  await new Promise(setImmediate);
  t.mock.timers.tick(2000);
  await needed;
  assert.deepEqual([...pictures.images.keys()].sort(), ["a", "b"]);
  assert.deepEqual(asked.sort(), ["a.png", "a.png", "b.png"]);
  pictures.ahead(["a", "b"]);
  assert.equal(asked.length, 3);
});

test("the server's answers are answers, refusals, or no answer", async () => {
  const asked = [];
  const answering = (status, content) => async (address, options) => {
    asked.push([address.href, options.headers.Authorization]);
    return { status, json: async () => content };
  };
  const to = (request) => new ServerTransport("https://lab.example/study/?link=1", request);
  assert.deepEqual(await to(answering(200, { acknowledged: [1], stored: 1 })).send("token", []), 1);
  assert.deepEqual(asked, [["https://lab.example/study/api/records", "Bearer token"]]);
  await assert.rejects(to(answering(403, { error: "full" })).enter({}), new Refused("full"));
  await assert.rejects(to(answering(429, { error: "slow_down" })).enter({}), Unreachable);
  await assert.rejects(to(answering(502, { error: "down" })).enter({}), Unreachable);
  const cut = async () => {
    throw new TypeError("network");
  };
  await assert.rejects(to(cut).enter({}), Unreachable);
});
