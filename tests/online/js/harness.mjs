// Runs plugins one after the other in a page, with the little of jsPsych that they need.
import { decoded } from "./js/look.js";
import { CountdownPlugin, PagePlugin, QuestionPlugin } from "./js/pages.js";
import { MultiArrangementPlugin } from "./js/plugin-multi-arrangement.js";
import { OddOneOutPlugin } from "./js/plugin-odd-one-out.js";

const plugins = {
  page: PagePlugin,
  question: QuestionPlugin,
  countdown: CountdownPlugin,
  arrangement: MultiArrangementPlugin,
};
const display = document.getElementById("page");

/** Shows one step; its data are in `window.data` when it is over. */
window.show = async ({ what, addresses, ...parameters }) => {
  window.data = null;
  const Plugin = plugins[what] ?? OddOneOutPlugin;
  const images = await decoded(addresses, Object.keys(addresses));
  const finishTrial = (data) => {
    display.replaceChildren();
    window.data = data;
  };
  const plugin = new Plugin({ finishTrial });
  await plugin.trial(display, { ...parameters, images, clock: null, measured: null }, () => {});
};
