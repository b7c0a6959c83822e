/**
 * Records on their way: kept here until the other side has acknowledged them.
 *
 * Records are sent in their order, one request at a time. After a failure the same are sent again
 * after a pause that grows; session and number identify a record, so one that arrives twice is
 * stored once. If the other side has fewer records than it had acknowledged, the rest is sent again.
 */

import { Refused, Unreachable } from "./transports.js";

const MOST_RECORDS = 50; // of one request, as the server takes them
const MOST_BYTES = 2_000_000;
const PAUSES_S = [1, 2, 4, 8, 15, 30];
const SPREAD = 0.3; // so that the pages of a study do not all come back at the same moment
const RECORD_ITEMS = 4_000; // a little less than a record may have
const RECORD_BYTES = 200_000;

export class Pause {
  wake = () => {};

  wait(seconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, seconds * 1000);
    });
  }
}

export async function persist(attempt, { pause = new Pause(), tell = () => {} } = {}) {
  for (let failed = 0; ; failed += 1) {
    try {
      const answer = await attempt();
      tell(true);
      return answer;
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      tell(false);
    }
    const seconds = PAUSES_S[Math.min(failed, PAUSES_S.length - 1)];
    await pause.wait(seconds * (1 + SPREAD * Math.random()));
  }
}

/** Divide the items of a long step among records. */
export function divide(items, mostBytes = RECORD_BYTES) {
  const parts = [[]];
  let bytes = 0;
  for (const item of items) {
    const size = new TextEncoder().encode(JSON.stringify(item)).length + 1;
    const full = bytes + size > mostBytes || parts.at(-1).length >= RECORD_ITEMS;
    if (full && parts.at(-1).length) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1).push(item);
    bytes += size;
  }
  return parts;
}

export class Queue {
  sending = null;
  error = null;

  constructor({ storage, send, records = [], tell, refused = () => {}, pause = new Pause() }) {
    Object.assign(this, { storage, send, tell, refused, pause });
    this.waiting = [...records].sort((a, b) => a.n - b.n);
  }

  add(records) {
    this.waiting.push(...records);
    this.start();
  }

  start() {
    if (this.sending || this.error) return;
    this.sending = this.sendAll()
      .catch((error) => {
        this.error = error;
        this.refused(error);
      })
      .finally(() => (this.sending = null));
  }

  /** Wait until all is acknowledged; throws what the other side has refused. */
  async drained() {
    while (this.waiting.length) {
      this.start();
      await this.sending;
      if (this.error) throw this.error;
    }
  }

  async sendAll() {
    while (this.waiting.length) {
      const stored = await persist(() => this.sendBatch(), this);
      if (stored < this.waiting[0].n) await this.takeBack(stored);
      else {
        this.waiting = this.waiting.filter((record) => record.n > stored);
        await this.storage.acknowledge(stored);
      }
    }
  }

  async sendBatch() {
    const [batch] = divide(this.waiting.slice(0, MOST_RECORDS), MOST_BYTES);
    const stored = await this.send(batch);
    if (stored === batch[0].n - 1) throw new Unreachable("no record was acknowledged");
    return stored;
  }

  async takeBack(stored) {
    const lost = (await this.storage.after(stored)).filter(({ n }) => n < this.waiting[0].n);
    if (lost[0]?.n !== stored + 1) throw new Refused("lost"); // another browser had them
    this.waiting.unshift(...lost);
  }
}
