/** What shows each kind of step: a state machine (driver.js), and the view that draws it. */

import { ArenaLayout } from "./arena.js";
import { Arrangement } from "./arrangement.js";
import { ArrangementView } from "./arrangement-view.js";
import { ChoiceMachine } from "./choice.js";
import { ChoiceView } from "./choice-view.js";
import { touchable } from "./fingers.js";
import { listening } from "./listening.js";
import { Countdown, PageMachine, QuestionMachine } from "./page-machines.js";
import { CountdownView, PageView, QuestionView } from "./page-views.js";
import { PilesLayout } from "./piles.js";
import { RatingMachine } from "./rating.js";
import { RatingView } from "./rating-view.js";
import { Sorting } from "./sorting.js";
import { SortingView } from "./sorting-view.js";

function made(root, { step, protocol, images, measured, speaker }, machine, View) {
  return { machine, view: new View(root, { step, protocol, images, measured, speaker, machine }) };
}

const played = (Machine, { speaker }) => (speaker ? listening(Machine) : Machine);

function trialOf(Machine, { trial, protocol, speaker }, more) {
  return Object.assign(new Machine(trial, protocol, more), { speaker });
}

export const SHOWN = {
  page: (root, parts) => made(root, parts, new PageMachine(parts.step), PageView),

  question: (root, parts) => made(root, parts, new QuestionMachine(parts.step, parts.protocol), QuestionView),

  countdown: (root, parts) => {
    const { texts, breaks } = parts.protocol;
    return made(root, parts, new Countdown(texts.ready, breaks.ready_s), CountdownView);
  },

  trial(root, parts) {
    const rates = parts.protocol.task === "pair-rating";
    const Machine = played(rates ? RatingMachine : ChoiceMachine, parts);
    return made(root, parts, trialOf(Machine, parts, parts.refreshHz), rates ? RatingView : ChoiceView);
  },

  arrangement(root, parts) {
    const { trial, protocol } = parts;
    const { width, height } = root.getBoundingClientRect();
    const size = [Math.floor(width), Math.floor(height)];
    const sorts = protocol.task === "free-sorting";
    const layout = new (sorts ? PilesLayout : ArenaLayout)(protocol, size, trial.items.length);
    const Machine = touchable(played(sorts ? Sorting : Arrangement, parts));
    return made(root, parts, trialOf(Machine, parts, layout), sorts ? SortingView : ArrangementView);
  },
};
