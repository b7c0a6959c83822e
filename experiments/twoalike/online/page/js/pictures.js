/** Images of a session: loaded ahead, and decoded before the step that shows them. */

import { persist } from "./records.js";
import { reached } from "./transports.js";

export class Pictures {
  constructor(files, { load = loadImage, tell = () => {}, reach = () => {} } = {}) {
    Object.assign(this, { files, load, tell, reach });
    this.images = new Map();
    this.loading = new Map();
  }

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

  /** Load images that will be needed soon, one after the other; those on their way are waited for. */
  async ahead(ids) {
    for (const id of ids.filter((one) => one in this.files)) await this.fetch(id);
  }

  fetch(id) {
    const attempt = () => this.load(this.files[id].file);
    const loaded = () => persist(attempt, { tell: this.reach }).then((image) => this.images.set(id, image));
    if (!this.loading.has(id)) this.loading.set(id, loaded());
    return this.loading.get(id);
  }
}

async function loadImage(file) {
  const image = new Image();
  image.src = new URL(file, document.baseURI).href;
  await reached(file, () => image.decode());
  return image;
}
