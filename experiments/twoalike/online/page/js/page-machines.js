/**
 * Pages, questions and countdowns as state machines: they take the events of driver.js and give
 * the notes and answers that the window's give (twoalike.tasks.screens).
 *
 * Views send further events: `read` (the end of the text has been in view), `go_on` (the button
 * of a page), `pick` and `toggle` (an option, by its number from 0), `entered` (the text written so
 * far), `rate` (`value` of a slider or of the row `name` of a matrix) and `confirm` (the button that
 * ends an answer).
 */

import { note } from "./driver.js";
import { GO_ON } from "./keys.js";

const OLDEST_AGE = 89;

/** What pages, questions and countdowns share: their first frame, what was read, and their limit. */
class BesideTrials {
  finished = false;
  since = null;
  read = false;
  minimum = 0;
  limit = null;

  get deadline() {
    return this.since !== null && this.limit ? this.since + this.limit : null;
  }

  mayLeave(time) {
    return this.read && this.since !== null && time - this.since >= this.minimum;
  }

  handle(event) {
    if (event.kind === "read") this.read = true;
    if (event.kind === "shown") this.since ??= event.time;
    else if (this.deadline !== null && event.time >= this.deadline) return this.end(event.time, { ended_by: "limit" });
    return this.take(event);
  }
}

export class PageMachine extends BesideTrials {
  constructor(step) {
    super();
    this.name = step.name;
    this.keys = new Set(step.keys ?? GO_ON);
    this.minimum = step.minimum_s;
    this.limit = step.limit_s;
  }

  get scene() {
    return { kind: "page" };
  }

  take({ kind, key, time }) {
    const leaves = kind === "go_on" || (kind === "key" && this.keys.has(key));
    return leaves && this.mayLeave(time) ? this.end(time, { ended_by: "press" }) : [];
  }

  end(time, detail) {
    this.finished = true;
    const shown = this.since === null ? 0 : Math.round((time - this.since) * 1e4) / 1e4;
    return [note(this.name, time, { shown_s: shown, ...detail })];
  }
}

/** Decimal digits of any script as 0 to 9: keyboards of phones write those of their language. */
function plainDigits(text) {
  return text.replace(/\p{Nd}/gu, (sign) => {
    const code = sign.codePointAt(0);
    let value = 0;
    while (/\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1;
    return String(value % 10);
  });
}

function visible(text) {
  return text.replace(/[\t\p{Zs}]/gu, " ").replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, "");
}

export function readAnswer({ question: kind, limits: [low, high] }, entry) {
  const text = visible(entry).split(/\s+/).filter(Boolean).join(" ");
  if (!text) return null;
  if (kind === "text" || kind === "long_text") {
    const n = [...text].length;
    if (n < low || n > high) throw new RangeError(`not ${low} to ${high} characters`);
    return kind === "long_text" ? visible(entry) : text;
  }
  const digits = plainDigits(text);
  const value = /^[+-]?\d{1,9}$/.test(digits) ? Number(digits) + 0 : NaN; // not -0
  if (!(value >= low && value <= high)) throw new RangeError(`no number from ${low} to ${high}`);
  return kind === "age" ? Math.min(value, OLDEST_AGE) : value;
}

export class QuestionMachine extends BesideTrials {
  entry = "";
  remark = "";
  marked = new Set();
  values = {};
  chosen = null;

  constructor(step, protocol) {
    super();
    this.step = step;
    this.texts = protocol.texts;
    this.minimum = Math.max(step.minimum_s, protocol.pages.page_s);
  }

  get scene() {
    return { kind: "question", remark: this.remark, marked: [...this.marked].sort() };
  }

  take(event) {
    if (event.kind === "entered") {
      if (this.step.question === "long_text" && event.entry !== this.entry) this.remark = "";
      this.entry = event.entry;
    } else if (event.kind === "rate") {
      this.values[event.name] = event.value;
      this.remark = "";
    } else if (this.mayLeave(event.time)) return this.#take(event);
    return [];
  }

  #take(event) {
    const { question } = this.step;
    const enters = event.kind === "key" && ["return", "num_enter"].includes(event.key);
    const option = this.#option(event);
    if (question === "choice" || question === "likert") {
      if (option === null) return [];
      this.chosen = option;
      const value = question === "likert" ? option + 1 : this.step.options[option];
      return this.#done({ [this.step.id]: value }, event.time);
    }
    if (event.kind === "confirm" || (enters && question !== "long_text")) {
      return this.#enter(event.time);
    }
    if (question === "choices" && option !== null) {
      if (!this.marked.delete(option)) this.marked.add(option);
      this.remark = "";
    }
    return [];
  }

  #option(event) {
    const option = /^(num_)?[1-9]$/.test(event.key) ? Number(event.key.slice(-1)) - 1 : event.option;
    return option < this.step.options.length ? option : null;
  }

  #enter(time) {
    const { question, rows, id, options, limits, required } = this.step;
    const names = rows?.length ? rows.map(([name]) => name) : [id];
    const given = Object.fromEntries(names.map((name) => [name, this.values[name] ?? null]));
    if (question === "choices") {
      const ticked = [...this.marked].sort().map((option) => options[option]);
      given[id] = ticked.length ? ticked : null;
    } else if (question !== "slider" && question !== "matrix") {
      try {
        given[id] = readAnswer(this.step, this.entry);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const { needs_number, needs_length } = this.texts;
        const words = question.endsWith("text") ? needs_length : needs_number;
        this.remark = words.replaceAll("{low}", limits[0]).replaceAll("{high}", limits[1]);
        return [];
      }
    }
    if (required && Object.values(given).includes(null)) {
      this.remark = this.texts.needs_answer;
      return [];
    }
    return this.#done(given, time);
  }

  #done(given, time) {
    this.finished = true;
    const { measure, values } = this.step;
    const stored = measure === "consent" ? { consent: this.chosen === 0, ...values } : given;
    return [
      // The answer itself goes to its own table: the log is not the place for what people say.
      ...Object.keys(given).map((id) => note("question", time, { id })),
      { kind: "answers", measure, values: stored },
    ];
  }
}

export class Countdown extends PageMachine {
  constructor(text, seconds) {
    super({ name: "ready", keys: [], limit_s: seconds });
    this.text = text;
  }

  get scene() {
    const left = this.since === null ? this.limit : this.deadline - this.now;
    return { kind: "countdown", text: this.text, seconds: Math.max(1, Math.ceil(left)) };
  }

  take({ time }) {
    this.now = time;
    return [];
  }

  end(time) {
    return super.end(time, {});
  }

  restart() {
    this.since = null;
  }
}
