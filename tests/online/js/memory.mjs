/** Stands in for what browsers store (storage.js), in memory. */
export class MemoryStorage {
  constructor() {
    this.state = new Map();
    this.records = new Map();
    this.draft = [];
    this.blocks = new Map();
  }

  async load() {
    return structuredClone({
      entry: this.state.get("entry") ?? null,
      progress: this.state.get("progress") ?? null,
      acknowledged: this.state.get("acknowledged") ?? 0,
      records: [...this.records.values()],
      draft: this.draft,
    });
  }

  async enter(entry, fresh = false) {
    if (fresh) Object.assign(this, new MemoryStorage());
    this.state.set("entry", structuredClone(entry));
  }

  async append(items) {
    this.draft.push(...structuredClone(items));
  }

  async commit({ records, progress }) {
    for (const record of structuredClone(records)) this.records.set(record.n, record);
    this.state.set("progress", structuredClone(progress));
    this.draft = [];
  }

  async block(part, block) {
    return this.blocks.get(`${part}.${block}`);
  }

  async keepBlock(part, block, steps) {
    this.blocks.set(`${part}.${block}`, steps);
  }

  async acknowledge(n) {
    this.state.set("acknowledged", n);
  }

  async after(n) {
    return structuredClone([...this.records.values()].filter((record) => record.n > n));
  }

  async rewind({ progress, draft }) {
    for (const lost of await this.after(progress.n)) this.records.delete(lost.n);
    this.state.set("acknowledged", progress.n).set("progress", structuredClone(progress));
    this.draft = structuredClone(draft);
    this.blocks.clear();
  }
}
