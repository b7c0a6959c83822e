import assert from "node:assert/strict";
import { test } from "node:test";

import { divide, persist, Queue } from "../../../experiments/twoalike/online/page/js/records.js";
import { MemoryStorage } from "./memory.mjs";
import { Refused, Unreachable } from "../../../experiments/twoalike/online/page/js/transports.js";

const record = (n, size = 1) => ({ session: "s", n, items: [{ text: "x".repeat(size) }] });
const records = (...numbers) => numbers.map((n) => record(n));

/** A server that fails as it is told to, and stores a record once, and none before its turn. */
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
    const taken = failure === "half" ? batch.slice(0, 1) : batch;
    for (const one of taken) if (one.n <= this.stored.size + 1) this.stored.set(one.n, one);
    if (failure === "after") throw new Unreachable("the answer is lost");
    return this.stored.size;
  };

  /** Put a backup in the place of the store, with records up to a number. */
  restore(n) {
    for (const one of [...this.stored.keys()]) if (one > n) this.stored.delete(one);
  }
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
  const server = new Server("before", "before", "before", "half", "after");
  const { queue, storage, pauses } = await queueOf(server, records(1, 2, 3));
  assert.equal((await storage.load()).records.length, 3);
  await queue.drained();
  assert.deepEqual([...server.stored.keys()], [1, 2, 3]);
  assert.equal((await storage.load()).acknowledged, 3);
  assert.deepEqual(server.requests.at(-1), [2, 3]);
  assert.equal(pauses.length, 4);
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
  const other = new Server();
  const large = await queueOf(other, [record(1, 1_500_000), record(2, 1_500_000)]);
  await large.queue.drained();
  assert.deepEqual(other.requests, [[1], [2]]);
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

test("what a restored server lacks is sent again, also if more is answered meanwhile", async () => {
  const server = new Server();
  const { queue, storage } = await queueOf(server, records(1, 2, 3, 4));
  await queue.drained();
  for (const n of [2, 0]) {
    server.restore(n);
    const next = server.stored.size ? 5 : 6;
    await storage.commit({ records: records(next), progress: null });
    queue.add(records(next));
    queue.add(records(next));
    await queue.drained();
    assert.deepEqual([...server.stored.keys()], records(1, 2, 3, 4, 5, 6).slice(0, next).map(({ n }) => n));
  }
});

test("what another browser had sent cannot be sent again", async () => {
  const server = new Server();
  const { queue, storage } = await queueOf(server);
  for (const one of records(1, 2, 3)) server.stored.set(one.n, one);
  await storage.commit({ records: records(4), progress: null });
  queue.add(records(4));
  await queue.drained();
  server.restore(1);
  queue.add(records(5));
  await assert.rejects(queue.drained(), new Refused("lost"));
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
