import assert from "node:assert/strict";
import { test } from "node:test";

import { divide, persist, Queue } from "../../../experiments/twoalike/online/page/js/records.js";
import { MemoryStorage } from "./memory.mjs";
import { Refused, Unreachable } from "../../../experiments/twoalike/online/page/js/transports.js";

const record = (n, size = 1) => ({ session: "s", n, items: [{ text: "x".repeat(size) }] });
const records = (...numbers) => numbers.map((n) => record(n));

/** A server that fails as it is told to, and stores a record once. */
class Server {
  constructor(...failures) {
    this.failures = failures;
    this.stored = new Map();
    this.requests = [];
  }

  send = async (batch) => {
    this.requests.push(batch.map(({ n }) => n));
    const failure = this.failures.shift();
    if (failure === "before") throw new Unreachable("the line is broken");
    if (failure instanceof Error) throw failure;
    for (const one of batch) this.stored.set(one.n, one);
    if (failure === "after") throw new Unreachable("the answer is lost");
    return failure === "half" ? [batch[0].n] : batch.map(({ n }) => n);
  };
}

async function queueOf(server, waiting = []) {
  const storage = new MemoryStorage();
  await storage.commit({ records: waiting, progress: null });
  const pauses = [];
  const pause = { wait: async (seconds) => pauses.push(seconds) };
  const queue = new Queue({ storage, send: server.send, records: waiting, tell: () => {}, pause });
  return { queue, storage, pauses };
}

test("records are sent until they are acknowledged, and kept until then", async () => {
  const server = new Server("before", "before", "after", "half");
  const { queue, storage, pauses } = await queueOf(server, records(1, 2, 3));
  assert.equal((await storage.load()).records.length, 3);
  await queue.drained();
  assert.deepEqual([...server.stored.keys()], [1, 2, 3]);
  assert.deepEqual((await storage.load()).records, []);
  assert.deepEqual(server.requests.at(-1), [2, 3]);
  assert.equal(pauses.length, 3);
  assert.ok(pauses[1] > pauses[0] && pauses[2] > pauses[1]);
});

test("records that are added meanwhile are sent in order, one request at a time", async () => {
  const server = new Server("before");
  const { queue } = await queueOf(server);
  queue.add(records(1));
  queue.add(records(2));
  await queue.drained();
  assert.deepEqual(server.requests, [[1], [1, 2]]);
});

test("a request has no more than the server takes", async () => {
  const server = new Server();
  const many = Array.from({ length: 120 }, (_, at) => record(at + 1));
  const { queue } = await queueOf(server, many);
  await queue.drained();
  assert.deepEqual(server.requests.map((one) => one.length), [50, 50, 20]);
  const large = await queueOf(server, [record(1, 1_500_000), record(2, 1_500_000)]);
  await large.queue.drained();
  assert.deepEqual(server.requests.slice(3), [[1], [2]]);
});

test("what the server refuses for good stays here and is told", async () => {
  const refusal = new Refused("changed");
  const { queue, storage } = await queueOf(new Server(refusal), records(1));
  const told = [];
  queue.refused = (error) => told.push(error);
  await assert.rejects(queue.drained(), refusal);
  assert.deepEqual(told, [refusal]);
  assert.equal((await storage.load()).records.length, 1);
});

test("records that the server has already are forgotten", async () => {
  const { queue, storage } = await queueOf(new Server(), records(1, 2, 3));
  await queue.forget(2);
  assert.deepEqual(queue.waiting.map(({ n }) => n), [3]);
  assert.equal((await storage.load()).records.length, 1);
});

test("trying again ends with the first answer; other errors are passed on", async () => {
  let failures = 2;
  const heard = [];
  const answer = await persist(
    async () => {
      if ((failures -= 1) >= 0) throw new Unreachable("not yet");
      return "here";
    },
    { pause: { wait: async () => {} }, tell: (reached) => heard.push(reached) },
  );
  assert.equal(answer, "here");
  assert.deepEqual(heard, [false, false, true]);
  await assert.rejects(persist(async () => { throw new TypeError("ours"); }), TypeError);
});

test("long steps are divided among records, none of them empty", () => {
  assert.deepEqual(divide([]), [[]]);
  const items = Array.from({ length: 9000 }, (_, at) => ({ at }));
  const parts = divide(items);
  assert.deepEqual(parts.flat(), items);
  assert.ok(parts.every((part) => part.length > 0 && part.length <= 4000));
  const wide = divide([{ text: "é".repeat(90_000) }, { text: "é".repeat(90_000) }]);
  assert.equal(wide.length, 2);
});
