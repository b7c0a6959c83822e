/**
 * What is kept in this browser until the session is over: the entry, records, the draft (items of the
 * step under way, or lines of transport-file.js), and blocks that the server has chosen.
 *
 * Records stay after they were acknowledged: a server that was restored from a backup may ask for
 * them again. `commit` writes all or nothing.
 */

const KEYS = { state: {}, records: { keyPath: "n" }, draft: { autoIncrement: true }, blocks: {} };
const STORES = Object.keys(KEYS);
const MOST_KEPT = 10_000; // acknowledged records

export class BrowserStorage {
  constructor(database) {
    this.database = database;
  }

  static async open(name) {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const name of STORES) request.result.createObjectStore(name, KEYS[name]);
    };
    return new BrowserStorage(await answer(request));
  }

  async load() {
    const stores = this.database.transaction(STORES);
    const state = ["entry", "progress", "acknowledged", "seen"].map((key) => stores.objectStore("state").get(key));
    const all = ["records", "draft"].map((name) => stores.objectStore(name).getAll());
    const found = await Promise.all([...state, ...all].map(answer));
    const [entry = null, progress = null, acknowledged = 0, seen = null, records, draft] = found;
    return { entry, progress, acknowledged, seen, records, draft };
  }

  /** Keeps what the server said; `fresh` forgets all else: another session, or none any more. */
  enter(entry, fresh = false) {
    const work = (stores) => {
      if (fresh) Object.values(stores).forEach((store) => store.clear());
      stores.state.put(entry, "entry");
    };
    return this.write(STORES, work, "strict");
  }

  markOpen() {
    return this.write(["state"], ({ state }) => state.put(Date.now(), "seen"));
  }

  append(items, durability) {
    return this.write(["draft"], ({ draft }) => items.forEach((item) => draft.add(item)), durability);
  }

  commit({ records, progress }) {
    const work = (stores) => {
      records.forEach((record) => stores.records.put(record));
      stores.state.put(progress, "progress");
      stores.draft.clear();
    };
    return this.write(STORES, work, "strict");
  }

  block(part, block) {
    return answer(this.database.transaction("blocks").objectStore("blocks").get([part, block]));
  }

  keepBlock(part, block, steps) {
    return this.write(["blocks"], ({ blocks }) => blocks.put(steps, [part, block]));
  }

  acknowledge(n) {
    return this.write(["state", "records"], ({ state, records }) => {
      state.put(n, "acknowledged");
      records.delete(IDBKeyRange.upperBound(n - MOST_KEPT));
    });
  }

  after(n) {
    const records = this.database.transaction("records").objectStore("records");
    return answer(records.getAll(IDBKeyRange.lowerBound(n, true)));
  }

  rewind({ progress, draft }) {
    const work = (stores) => {
      stores.state.put(progress.n, "acknowledged");
      stores.state.put(progress, "progress");
      stores.records.delete(IDBKeyRange.lowerBound(progress.n, true));
      stores.blocks.clear();
      if (!draft.length) stores.draft.clear();
    };
    return this.write(STORES, work, "strict");
  }

  /** Write in one transaction; `strict` waits for the disk. */
  write(names, work, durability = "relaxed") {
    const transaction = this.database.transaction(names, "readwrite", { durability });
    work(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
