/** What shows each kind of step: a state machine (driver.js), and the view that draws it. */

import { ArenaLayout } from "./arena.js";
import { Arrangement } from "./arrangement.js";
import { ArrangementView } from "./arrangement-view.js";
import { ChoiceMachine } from "./choice.js";
import { ChoiceView } from "./choice-view.js";
import { Fingers } from "./fingers.js";
import { listening } from "./listening.js";
import { Countdown, PageMachine, QuestionMachine } from "./page-machines.js";
import { CountdownView, PageView, QuestionView } from "./page-views.js";
import { PilesLayout } from "./piles.js";
import { RatingMachine } from "./rating.js";
import { RatingView } from "./rating-view.js";
import { Sorting } from "./sorting.js";
import { SortingView } from "./sorting-view.js";

function made(root, { step, protocol, images, measured, speaker }, machine, View, more = {}) {
  return { machine, view: new View(root, { step, protocol, images, measured, speaker, machine, ...more }) };
}

function trialOf(Machine, { trial, protocol, refreshHz, speaker }, more = refreshHz) {
  if (!speaker) return new Machine(trial, protocol, more);
  return Object.assign(new (listening(Machine))(trial, protocol, more), { speaker });
}

export const SHOWN = {
  page: (root, parts) => made(root, parts, new PageMachine(parts.step), PageView),

  question: (root, parts) => made(root, parts, new QuestionMachine(parts.step, parts.protocol), QuestionView),

  countdown(root, { protocol: { texts, breaks, screen } }) {
    return { machine: new Countdown(texts.ready, breaks.ready_s), view: new CountdownView(root, screen) };
  },

  trial(root, parts) {
    const rates = parts.protocol.task === "pair-rating";
    const machine = trialOf(rates ? RatingMachine : ChoiceMachine, parts);
    return made(root, parts, machine, rates ? RatingView : ChoiceView);
  },

  arrangement(root, parts) {
    const { trial, protocol } = parts;
    const { width, height } = root.getBoundingClientRect();
    const size = [Math.floor(width), Math.floor(height)];
    const sorts = protocol.task === "free-sorting";
    const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, size, trial.items.length);
    const machine = trialOf(sorts ? Sorting : Arrangement, parts, layout);
    const hands = new Fingers(machine, protocol.answers.magnify_button);
    const { view } = made(root, parts, machine, sorts ? SortingView : ArrangementView, { hands });
    return { machine: hands, view };
  },
};
