/**
 * The page of a study: from opening it to the completion code.
 *
 * Nothing is asked of the server before the participant presses the first button, so that the
 * preview of a link takes nobody's place.
 */

import { measureScreen } from "./card.js";
import { Clock } from "./clock.js";
import { sendRest, showEnd, showWithdrawal } from "./closing.js";
import { Course } from "./course.js";
import { describeDevice, fit, isKeyless, lacking, reworded } from "./device.js";
import { measureRefresh } from "./driver.js";
import { Fullscreen } from "./fullscreen.js";
import { Keeper } from "./keeper.js";
import { forgetFiles, keepFiles } from "./kept.js";
import { make, paragraphs } from "./look.js";
import { aboutStudy, confirmOver, filled, languageButtons, panel, showOver, Status, waitOver } from "./panels.js";
import { Pictures } from "./pictures.js";
import { Pause, persist, Queue } from "./records.js";
import { Session } from "./session.js";
import { Speaker } from "./speaker.js";
import { BrowserStorage } from "./storage.js";
import { takeSession } from "./tabs.js";
import { openTransport, readJson, Refused, Unreachable } from "./transports.js";
import { directionOf, isOver, languageOf, visitor, whereToGoOn } from "./visit.js";

const RESIZED_MS = 400; // leaving the full screen changes the size first

class Page {
  constructor(study, transport) {
    Object.assign(this, { home: study, study, transport, texts: study.texts });
    this.root = document.getElementById("page");
    this.status = new Status(document.getElementById("status"));
    this.visitor = transport.visitor ?? visitor(location.search, study.id_parameter);
    this.fullscreen = new Fullscreen();
    this.failed = false;
    this.reach = (reached) => this.status.say("line", reached ? null : this.texts.offline);
    const heard = Object.keys(study.sounds).length > 0;
    this.tell = (done, total) =>
      this.status.say("loading", done < total ? filled(this.texts.loading, { done, total }) : null);
    this.speaker = heard ? new Speaker(study.sounds, this) : null;
  }

  /** Take the study in a language, and write in its colours. */
  async speak(language) {
    const other = this.home.languages.indexOf(language) > 0;
    const read = () => readJson(document.baseURI, `${language}/session.json`);
    this.study = this.transport.study = other ? await persist(read, { tell: this.reach }) : this.home;
    const { language: lang, protocols, texts } = this.study;
    this.texts = texts;
    const { style } = document.documentElement;
    document.documentElement.lang = lang;
    document.documentElement.dir = directionOf(lang);
    document.title = texts.title;
    const { screen } = Object.values(protocols)[0];
    for (const name of ["background", "foreground", "accent"]) {
      style.setProperty(`--${name}`, screen[name]);
    }
  }

  async open() {
    await this.speak(languageOf(this.home.languages, [this.visitor.language ?? "", ...navigator.languages]));
    if (location.pathname.endsWith("/withdraw")) {
      showWithdrawal(this.root, this.texts, this.transport);
      return;
    }
    const what = lacking(this.study);
    const why = what ? filled(this.texts.unsupported, { what }) : this.room === "never" && this.roomText;
    if (why) {
      await this.screenOut(why);
      return;
    }
    const name = `twoalike ${this.home.hash.slice(0, 16)} ${this.visitor.name}`;
    if (!(await takeSession(name))) {
      panel(this.root, ...paragraphs(this.texts.other_tab));
      return;
    }
    this.storage = await BrowserStorage.open(name);
    this.saved = await this.storage.load();
    if (this.saved.entry) await this.speak(this.saved.entry.language);
    const over = this.saved.entry?.outcome;
    if (over) showEnd(this.root, this.texts, over);
    else await this.take();
  }

  get least() {
    return this.session?.least ?? this.study.least_window_px;
  }

  get room() {
    const size = [window.innerWidth, window.innerHeight];
    return fit(size, this.least, [screen.width, screen.height]);
  }

  get roomText() {
    if (this.room === "fits") return null;
    const [width, height] = this.least;
    const text = this.room === "turn" ? this.texts.turn : this.texts.too_small;
    return filled(text, { width, height });
  }

  /**
   * End for somebody whose device does not do, with the code for that, if they have an id. A session
   * that has begun on another device goes on there.
   */
  async screenOut(why) {
    panel(this.root, ...paragraphs(why));
    if (!this.visitor.name) return;
    const told = { tell: this.reach };
    const { token, withdraw, acknowledged, outcome } = await persist(() => this.ask(), told);
    if (outcome) showEnd(this.root, this.texts, { withdraw, ...outcome });
    if (outcome || acknowledged) return;
    const reason = "screened_out";
    const codes = await persist(() => this.transport.finish(token, reason), told);
    const texts = { ...this.texts, [reason]: why, close: "" };
    showEnd(this.root, texts, { ...codes, withdraw, reason });
  }

  async take() {
    const what = await this.askToStart();
    this.root.replaceChildren();
    const refreshHz = await measureRefresh();
    const slow = this.study.least_hz > (refreshHz ?? 0);
    if (what || slow) {
      await this.fullscreen.leave();
      await this.screenOut(what ? filled(this.texts.unsupported, { what }) : this.texts.screened_out);
      return;
    }
    const entered = await this.enter();
    await this.speak(entered.language);
    if (entered.outcome) {
      await this.close(entered);
      return;
    }
    if (this.transport.reopens) await keepFiles();
    if (this.roomText) await waitOver(() => this.roomText);
    const over = isOver(this.study, this.saved, entered);
    const measured = this.study.card && !over ? await measureScreen(this.root, this.texts) : null;
    this.root.replaceChildren();
    const { session, queue } = await this.makeSession(entered, { refreshHz, measured });
    this.watch(session);
    queue.start();
    const reason = over ? "interrupted" : await session.run();
    await this.end(entered, queue, reason);
  }

  /** Wait for the first button; pressing it enters the full screen. Returns what cannot be heard. */
  async askToStart() {
    document.body.dataset.step = "enter";
    const { title, start } = this.texts;
    const button = make("button", { type: "button", class: "push", id: "start" }, start);
    const heading = make("p", { class: "title", "aria-hidden": "true" }, title);
    const language = await new Promise((choose) => {
      const others = this.saved.entry ? [] : [languageButtons(this.study, choose)];
      panel(this.root, ...others, heading, ...aboutStudy(this.texts), button);
      button.addEventListener("click", () => choose(null), { once: true });
      button.focus();
    });
    if (language) return this.speak(language).then(() => this.askToStart());
    const sounds = this.speaker?.unlock();
    await this.fullscreen.enter();
    delete document.body.dataset.step;
    return (await sounds) ?? null;
  }

  ask(token = null) {
    const { external, link } = this.visitor;
    return this.transport.enter({ external, link, token, page: this.study.hash });
  }

  async enter() {
    const { entry } = this.saved;
    if (!entry) return this.remember(await persist(() => this.ask(), { tell: this.reach }));
    try {
      return await this.remember(await this.ask(entry.token));
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      this.reach(false);
      return { ...entry, acknowledged: null };
    }
  }

  /** Remember what was entered; what is kept of another session is of no use. */
  async remember(entry) {
    const { session } = this.saved.entry ?? entry;
    await this.storage.enter(entry, session !== entry.session);
    this.saved = await this.storage.load();
    return entry;
  }

  async makeSession(entered, { refreshHz, measured }) {
    const { study, storage, transport, texts, root, reach } = this;
    const { token, person } = entered;
    const where = whereToGoOn(this.saved, entered);
    const { progress, records, draft } = where;
    if (!where.here) await storage.rewind(where);
    this.pause = new Pause();
    const queue = new Queue({
      storage,
      send: (batch) => this.send(entered, batch),
      records,
      tell: reach,
      refused: (error) => this.fail(error),
      pause: this.pause,
    });
    const device = () => describeDevice({ refreshHz, measured });
    const head = { session: entered.session, protocol: study.hash };
    const restarts = study.reload === "restart-block";
    const keeper = new Keeper({ storage, queue, head, progress, draft, device, restarts });
    const worded = (given) => (isKeyless() ? reworded(given, study.without_keys) : given);
    const course = new Course({
      person: worded(person),
      protocols: worded(study.protocols),
      keeper,
      askBlock: async (part, block) => {
        const kept = await storage.block(part, block);
        if (kept) return worded(kept);
        await queue.drained(); // what was answered so far decides about it
        const ask = () => transport.block(token, part, block);
        const { steps } = await persist(ask, { tell: reach, pause: this.pause });
        await storage.keepBlock(part, block, steps);
        return worded(steps);
      },
      makeClock: (start) => new Clock(start),
    });
    const pictures = new Pictures(study.images, { tell: this.tell, reach });
    const { speaker } = this;
    const session = (this.session = new Session({ course, keeper, pictures, speaker, measured, refreshHz, root }));
    return { queue, session };
  }

  /** Send records; a session that the server has lost is entered again first. */
  async send({ session, token }, records) {
    try {
      return await this.transport.send(token, records);
    } catch (error) {
      if (error.code !== "lost") throw error;
      const again = await this.ask(token);
      if (again.session !== session || again.outcome) throw error;
      return again.acknowledged;
    }
  }

  watch(session) {
    let filling = this.fullscreen.active;
    const goOn = async () => {
      if (filling && !this.fullscreen.active) {
        const { left_fullscreen: why, back_to_fullscreen: label } = this.texts;
        await confirmOver(why, label, () => this.fullscreen.enter());
        filling = this.fullscreen.active;
      }
      if (session.inTrial && this.roomText) await waitOver(() => this.roomText);
    };
    const pause = () => session.pause(goOn).catch((error) => this.fail(error));
    this.fullscreen.left = () => filling && pause();
    let timer;
    window.addEventListener("resize", () => {
      clearTimeout(timer);
      timer = setTimeout(() => session.inTrial && this.roomText && pause(), RESIZED_MS);
    });
    window.addEventListener("online", () => this.pause.wake());
    setInterval(() => this.storage.markOpen(), 5000);
  }

  /** Send what is left, and only then show the completion code. */
  async end(entered, queue, reason) {
    await this.fullscreen.leave();
    await sendRest(this.root, this.texts, queue);
    const finish = () => this.transport.finish(entered.token, reason);
    const codes = await persist(finish, { tell: this.reach });
    await this.close({ ...entered, outcome: { ...codes, reason } });
  }

  async close({ session, token, withdraw, outcome, language }) {
    await this.fullscreen.leave();
    const over = { withdraw, ...outcome };
    await this.storage.enter({ session, token, language, outcome: over }, true);
    showEnd(this.root, this.texts, over);
    if (this.transport.reopens) await forgetFiles(); // may take long; nobody waits for it
  }

  fail(error) {
    console.error(error);
    if (this.failed) return;
    this.failed = true;
    const known = error instanceof Refused && this.texts[error.code];
    showOver(...paragraphs(known || this.texts.failed));
    document.body.dataset.step = "failed";
  }
}

const study = await persist(() => readJson(document.baseURI, "session.json"));
const { content } = document.querySelector("meta[name=transport]");
const page = new Page(study, await openTransport(content, document.baseURI));
window.addEventListener("unhandledrejection", ({ reason }) => page.fail(reason));
window.addEventListener("error", ({ error }) => error && page.fail(error));
await page.open().catch((error) => page.fail(error));
