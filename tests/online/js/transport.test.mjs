import assert from "node:assert/strict";
import { test } from "node:test";

import { FileTransport, codeOf } from "../../../experiments/twoalike/online/page/js/transport-file.js";
import { MemoryStorage } from "./memory.mjs";
import { JatosTransport } from "../../../experiments/twoalike/online/page/js/transport-jatos.js";
import { Refused, Unreachable } from "../../../experiments/twoalike/online/page/js/transports.js";

const study = {
  hash: "a".repeat(64),
  participants: ["w0001", "w0002", "w0003"],
  completion_url: "https://example.org/?cc={code}",
};
const base = "https://host.example/study/";

/** Answers of a plain host: a participant's file. */
const host = async (address) => {
  const code = /people\/(w\d+)\.json$/.exec(address.pathname)?.[1];
  return { ok: true, status: 200, json: async () => ({ participant: code, parts: [] }) };
};

const record = (session, n, items = [{ kind: "note" }]) => ({ session, n, items });
const parse = (text) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

/**
 * A stand-in for the server of JATOS: result data that grow, and a batch session that takes a
 * change only of its present version, and tells everybody a little later.
 */
class JatosServer {
  constructor() {
    this.version = 1;
    this.data = {};
    this.results = new Map();
    this.clients = [];
    this.conflicts = 0;
  }

  /** The object of jatos.js in one person's browser. */
  client(studyResultId, studyJsonInput = {}) {
    const server = this;
    const local = { version: this.version, data: structuredClone(this.data) };
    this.clients.push(local);
    this.results.set(studyResultId, "");
    return {
      studyResultId,
      studyJsonInput,
      urlQueryParameters: { PROLIFIC_PID: `p${studyResultId}` },
      ended: null,
      failing: 0,
      onLoad: (callback) => setTimeout(callback, 0),
      batchSession: {
        get: (name) => structuredClone(local.data[name]),
        async add(path, value) {
          const sent = local.version;
          await new Promise((resolve) => setTimeout(resolve, 5 * Math.random()));
          if (sent !== server.version) {
            server.conflicts += 1;
            throw new Error("Error in batch session patch");
          }
          const [name, key] = path.slice(1).split("/");
          if (key === undefined) server.data[name] = value;
          else server.data[name][key] = value;
          server.version += 1;
          const { version, data } = structuredClone({ version: server.version, data: server.data });
          setTimeout(() => server.clients.forEach((one) => Object.assign(one, structuredClone({ version, data }))), 3);
        },
      },
      async appendResultData(text) {
        server.results.set(studyResultId, server.results.get(studyResultId) + text);
        if (this.failing > 0) {
          this.failing -= 1;
          throw new Error("the answer was lost");
        }
      },
      async endStudyAjax(successful, message) {
        this.ended = [successful, message];
      },
    };
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms / 20));
const jatosOf = (jatos) => new JatosTransport({ jatos, study, base, request: host, pause });

test("JATOS: everybody has a code of their own, and the next one is turned away", async () => {
  const server = new JatosServer();
  const people = [1, 2, 3, 4].map((id) => jatosOf(server.client(id)));
  const entered = await Promise.allSettled(people.map((one) => one.enter({ token: null })));
  const codes = entered.filter((one) => one.status === "fulfilled").map((one) => one.value.person.participant);
  assert.deepEqual(codes.sort(), study.participants);
  const [refused] = entered.filter((one) => one.status === "rejected");
  assert.ok(refused.reason instanceof Refused);
  assert.equal(refused.reason.code, "full");
  assert.ok(server.conflicts > 0);
  assert.equal(Object.keys(server.data.twoalike).length, 3);
});

test("JATOS: records are lines of the result data; the study ends with the codes", async () => {
  const server = new JatosServer();
  const jatos = server.client(7, { completion_code: "C0DE" });
  const transport = jatosOf(jatos);
  assert.deepEqual(transport.visitor.name, "jatos=7");
  const { session, token, acknowledged } = await transport.enter({ token: null });
  assert.equal(acknowledged, null); // only the page knows
  assert.equal(await transport.send(token, [record(session, 1), record(session, 2)]), 2);
  jatos.failing = 1;
  await assert.rejects(transport.send(token, [record(session, 3)]), Unreachable);
  await transport.send(token, [record(session, 3)]);
  assert.deepEqual(await transport.finish(token, "completed"), {
    code: "C0DE",
    url: "https://example.org/?cc=C0DE",
  });
  assert.deepEqual(jatos.ended, [true, "completed"]);
  const lines = parse(server.results.get(7));
  assert.deepEqual(lines.map((line) => line.n ?? line.ended), [null, 1, 2, 3, 3, "completed"]);
  assert.ok(lines.every((line) => line.session === session));
  assert.match(session, /^jatos-7-[0-9a-f]{18}$/);
});

test("JATOS: after a reload the session goes on with the same name and code", async () => {
  const server = new JatosServer();
  const { session, token, person } = await jatosOf(server.client(1)).enter({ token: null });
  const again = await jatosOf(server.client(1)).enter({ token });
  assert.deepEqual([again.session, again.person], [session, person]);
  assert.equal(Object.keys(server.data.twoalike).length, 1);
});

test("codes come from the address, or the same one for the same person", async () => {
  const codes = study.participants;
  assert.equal(await codeOf(codes, { participant: "w0002", x: "1" }), "w0002");
  await assert.rejects(codeOf(codes, { participant: "../w0002" }), Refused);
  const one = await codeOf(codes, { PROLIFIC_PID: "abc", STUDY_ID: "s" });
  assert.equal(await codeOf(codes, { STUDY_ID: "s", PROLIFIC_PID: "abc" }), one);
  const visit = (id) => codeOf(codes, { PROLIFIC_PID: "abc", SESSION_ID: id }, "PROLIFIC_PID");
  assert.equal(new Set(await Promise.all(["1", "2", "3", "4"].map(visit))).size, 1);
  const many = await Promise.all(Array.from({ length: 60 }, (_, n) => codeOf(codes, { id: `${n}` })));
  assert.deepEqual([...new Set(many)].sort(), codes);
  assert.ok(codes.includes(await codeOf(codes, {})));
});

test("a plain host: all lines are in the file that is offered at the end", async () => {
  const kept = new Map();
  const keep = (session) => kept.get(session) ?? kept.set(session, new MemoryStorage()).get(session);
  const parts = { study, settings: { completion_code: "X" }, base, request: host, keep };
  const external = { participant: "w0003" };
  const first = await new FileTransport(parts).enter({ external, token: null });
  const transport = new FileTransport(parts); // after a reload
  const { session, token } = await transport.enter({ external, token: first.token });
  assert.equal(session, first.session);
  await transport.send(token, [record(session, 1)]);
  const { code, download } = await transport.finish(token, "completed");
  assert.equal(code, "X");
  assert.equal(download.name, `${session}.ndjson`);
  assert.deepEqual(parse(download.text).map((line) => line.participant ?? line.n), ["w0003", 1, "w0003"]);
});

test("each end has its code; the page leads back with any code, and after a completed session", async () => {
  const codes = { completion_code: "C", screened_out_code: "S", declined_code: "D" };
  const leads = async (reason, settings) => {
    const keep = () => new MemoryStorage();
    const transport = new FileTransport({ study, settings, base, request: host, keep });
    const { token } = await transport.enter({ external: {}, token: null });
    const { code, url } = await transport.finish(token, reason);
    return [code, url];
  };
  const url = "https://example.org/?cc=";
  assert.deepEqual(await leads("completed", codes), ["C", `${url}C`]);
  assert.deepEqual(await leads("screened_out", codes), ["S", `${url}S`]);
  assert.deepEqual(await leads("declined", codes), ["D", `${url}D`]);
  assert.deepEqual(await leads("completed", {}), [null, url]);
  assert.deepEqual(await leads("declined", {}), [null, null]);
});
