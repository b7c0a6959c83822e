/** The full screen of a browser; where there is none, the page stays as it is. */

export class Fullscreen {
  constructor(element = document.documentElement) {
    this.element = element;
    this.left = () => {};
    document.addEventListener("fullscreenchange", () => {
      if (!this.active) this.left();
    });
  }

  /** Whether the browser has one: phones of Apple do not. */
  get supported() {
    return document.fullscreenEnabled === true;
  }

  get active() {
    return document.fullscreenElement !== null;
  }

  /** Enter it; only while a click or a key is being handled. */
  async enter() {
    if (!this.supported || this.active) return this.active;
    try {
      await this.element.requestFullscreen({ navigationUI: "hide" });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what a refusal is, by the standard
    }
    return this.active;
  }

  /** Leave it without an interruption. */
  async leave() {
    this.left = () => {};
    if (this.active) await document.exitFullscreen();
  }
}
