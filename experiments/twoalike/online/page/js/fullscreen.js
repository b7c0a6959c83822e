/** The full screen of a browser; where there is none, the page stays as it is. */

export class Fullscreen {
  left = () => {};

  constructor() {
    document.addEventListener("fullscreenchange", () => {
      if (!this.active) this.left();
    });
  }

  get active() {
    return Boolean(document.fullscreenElement);
  }

  /** Enter it; only while a click or a key is being handled. */
  async enter() {
    if (!document.fullscreenEnabled || this.active) return; // phones of Apple have none
    try {
      await document.documentElement.requestFullscreen({ navigationUI: "hide" });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what a refusal is, by the standard
    }
  }

  async leave() {
    this.left = () => {};
    if (this.active) await document.exitFullscreen();
  }
}
