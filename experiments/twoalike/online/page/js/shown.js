/** What shows each kind of step: a state machine (driver.js), and the view that draws it. */

import { ArenaLayout } from "./arena.js";
import { Arrangement } from "./arrangement.js";
import { ArrangementView } from "./arrangement-view.js";
import { ChoiceMachine } from "./choice.js";
import { ChoiceView } from "./choice-view.js";
import { Fingers } from "./fingers.js";
import { Countdown, PageMachine, QuestionMachine } from "./page-machines.js";
import { CountdownView, PageView, QuestionView } from "./page-views.js";
import { PilesLayout } from "./piles.js";
import { RatingMachine } from "./rating.js";
import { RatingView } from "./rating-view.js";
import { Sorting } from "./sorting.js";
import { SortingView } from "./sorting-view.js";

/** Machine, and view that draws it. */
function made(root, { step, protocol, images, measured }, machine, View, more = {}) {
  return { machine, view: new View(root, { step, protocol, images, measured, machine, ...more }) };
}

/** Makers of machine and view, by the kind of a show. */
export const SHOWN = {
  page: (root, parts) => made(root, parts, new PageMachine(parts.step), PageView),

  question: (root, parts) => made(root, parts, new QuestionMachine(parts.step, parts.protocol), QuestionView),

  countdown(root, { protocol: { texts, breaks, screen } }) {
    return { machine: new Countdown(texts.ready, breaks.ready_s), view: new CountdownView(root, screen) };
  },

  trial(root, parts) {
    const rates = parts.protocol.task === "pair-rating";
    const machine = new (rates ? RatingMachine : ChoiceMachine)(parts.trial, parts.protocol);
    return made(root, parts, machine, rates ? RatingView : ChoiceView);
  },

  arrangement(root, parts) {
    const { trial, protocol } = parts;
    const { width, height } = root.getBoundingClientRect();
    const size = [Math.floor(width), Math.floor(height)];
    const sorts = protocol.task === "free-sorting";
    const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, size, trial.items.length);
    const machine = new (sorts ? Sorting : Arrangement)(trial, protocol, layout);
    const hands = new Fingers(machine, protocol.answers.magnify_button);
    const { view } = made(root, parts, machine, sorts ? SortingView : ArrangementView, { hands });
    return { machine: hands, view };
  },
};
