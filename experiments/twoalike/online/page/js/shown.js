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

/** Makers of machine and view, by the kind of a show. */
export const SHOWN = {
  page(root, { step, protocol, images }) {
    const machine = new PageMachine(step);
    const mayLeave = (time) => machine.mayLeave(time);
    return { machine, view: new PageView(root, protocol, step, images, mayLeave) };
  },

  question(root, { step, protocol }) {
    const machine = new QuestionMachine(step, protocol);
    return { machine, view: new QuestionView(root, protocol, step, machine) };
  },

  countdown(root, { protocol: { texts, breaks, screen } }) {
    const machine = new Countdown(texts.ready, breaks.ready_s);
    return { machine, view: new CountdownView(root, screen) };
  },

  trial(root, { trial, protocol, images, measured }) {
    const rates = protocol.task === "pair-rating";
    const machine = new (rates ? RatingMachine : ChoiceMachine)(trial, protocol);
    const parts = { protocol, images, machine, measured };
    return { machine, view: new (rates ? RatingView : ChoiceView)(root, parts) };
  },

  arrangement(root, { trial, protocol, images }) {
    const { width, height } = root.getBoundingClientRect();
    const size = [Math.floor(width), Math.floor(height)];
    const sorts = protocol.task === "free-sorting";
    const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, size, trial.items.length);
    const machine = new (sorts ? Sorting : Arrangement)(trial, protocol, layout);
    const hands = new Fingers(machine, protocol.answers.magnify_button);
    const view = new (sorts ? SortingView : ArrangementView)(root, { protocol, images, machine, hands });
    return { machine: hands, view };
  },
};
