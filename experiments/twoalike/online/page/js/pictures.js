/** Images of a session: loaded ahead, and decoded before the step that shows them. */

import { persist } from "./records.js";
import { Unreachable } from "./transports.js";

const AT_ONCE = 4;

export class Pictures {
  constructor(files, { load = loadImage, tell = () => {}, reach = () => {} } = {}) {
    Object.assign(this, { files, load, tell, reach });
    /** Decoded images by object id. */
    this.images = new Map();
    this.loading = new Map();
    this.later = [];
    this.busy = 0;
  }

  /** Have images decoded. */
  async need(ids) {
    const wanted = [...new Set(ids)].filter((id) => id in this.files);
    let done = wanted.filter((id) => this.images.has(id)).length;
    const missing = wanted.length > done;
    if (missing) this.tell(done, wanted.length);
    const one = async (id) => {
      if (!this.images.has(id)) {
        await this.fetch(id);
        this.tell((done += 1), wanted.length);
      }
      await this.images.get(id).decode(); // a browser may forget what it decoded long ago
    };
    await Promise.all(wanted.map(one));
  }

  /** Load images that will be needed soon, a few at once. */
  ahead(ids) {
    const fresh = ids.filter((id) => id in this.files && !this.loading.has(id));
    this.later = [...new Set(fresh)];
    while (this.busy < AT_ONCE && this.later.length) this.loadNext();
  }

  async loadNext() {
    this.busy += 1;
    await this.fetch(this.later.shift());
    this.busy -= 1;
    if (this.later.length) this.loadNext();
  }

  /** Load one image, as often as it takes. */
  fetch(id) {
    if (!this.loading.has(id)) {
      const attempt = () => this.load(this.files[id].file);
      const loaded = persist(attempt, { tell: this.reach });
      this.loading.set(
        id,
        loaded.then((image) => this.images.set(id, image)),
      );
    }
    return this.loading.get(id);
  }
}

/** Load and decode an image. */
async function loadImage(file) {
  const image = new Image();
  image.src = new URL(file, document.baseURI).href;
  try {
    await image.decode();
  } catch (error) {
    throw new Unreachable(`${file}: ${error.message}`, { cause: error });
  }
  return image;
}
