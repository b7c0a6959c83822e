/**
 * Runs one state machine on the screen: draws its scene in animation frames and gives it what
 * happens, until it has finished.
 *
 * A machine is what the page shows: a trial, a page, a countdown. It has
 *
 *   handle(event) -> Item[]   takes an event, gives the items to be kept
 *   restart(time) -> Item[]   goes on after an interruption (optional)
 *   scene                     what is to be seen now; plain data, drawn when it has changed
 *   deadline                  time of the next change that comes by itself, s, or null
 *   finished                  whether the next machine's turn has come
 *
 * and a view draws it:
 *
 *   draw(scene)               called in the animation frame that shows the scene
 *   resize(width, height)     size of `root` in px; before the first scene and after each change
 *   frame(time)               each animation frame, for a timer that runs (optional)
 *   send                      set here, for events of its own controls: `send({kind, ...}, domEvent)`;
 *                             pointer events in an element with `data-own`, and keys that operate
 *                             what has the focus, are left to it
 *   keys                      Set of keys that do nothing else (optional; arrows and space otherwise)
 *
 * Events are plain objects with a time in s of the run:
 *
 *   {kind: "shown", time, dropped, planned, here}
 *   {kind: "key", time, key}              not when the key repeats
 *   {kind: "nudge", time, dx, dy, fine}   an arrow key, also when it repeats; y up
 *   {kind: "press" | "move" | "release", time, x, y, button: "left" | "right",
 *    pointer: "mouse" | "touch"}          px from the centre of `root`, y up; a pen touches; a release
 *                                         is `cancelled` where the browser took the touch away
 *   {kind: "focus", time, here}           the driver itself adds the note of it
 *   {kind: "tick", time}                  before each frame
 *
 * Times of events are those of the browser (`event.timeStamp`; WebKit's may lie in the future), an onset
 * is the time of the animation frame that drew the scene, and `planned` the frame in which it was due.
 */

import { Clock } from "./clock.js";
import { belongsToControl, DIRECTIONS, keyName } from "./keys.js";

const SOON_S = 0.001; // a deadline that a frame misses by no more counts as reached
const BUTTONS = { 0: "left", 2: "right" };
const HELD = [1, 4, 2]; // bit of each button in `buttons`
const SUPPRESSED = new Set(["left", "right", "up", "down", "space", "backspace", "pageup", "pagedown"]);
const MEASURED_FRAMES = 60;
const STEADY = 0.1; // share of frames that may differ before a rate counts as unknown
const RATES_HZ = [20, 400];

let refreshHz = null;
const running = [];
/** What everything waits for while nothing may go on. */
let gate = null;
let focused = true;

/** Measure the refresh rate; frames that come late are taken into account from then on. */
export async function measureRefresh(attempts = 3) {
  const stamps = [];
  while (stamps.length <= MEASURED_FRAMES) {
    stamps.push(await new Promise((resolve) => requestAnimationFrame(resolve)));
  }
  refreshHz = rateOf(stamps);
  return refreshHz ?? (attempts > 1 ? measureRefresh(attempts - 1) : null); // a new page is busy
}

export function rateOf(stamps) {
  const gaps = stamps.slice(1).map((stamp, at) => stamp - stamps[at]);
  const middle = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)];
  const fitting = gaps.filter((gap) => Math.abs(gap - middle) < middle / 4);
  if (fitting.length < (1 - STEADY) * gaps.length) return null;
  const hz = 1000 / (fitting.reduce((sum, gap) => sum + gap, 0) / fitting.length);
  return hz >= RATES_HZ[0] && hz <= RATES_HZ[1] ? Math.round(hz * 1000) / 1000 : null;
}

/** Frame in which a change was to be seen: the first one after it was due. */
export function plannedFrame(due, shown, hz) {
  return hz ? shown - Math.max(0, Math.floor((shown - due + SOON_S) * hz)) / hz : shown;
}

export function note(event, time, detail = {}) {
  return { kind: "note", event, time, detail };
}

/** Run a machine to its end; `heard` takes its items as they arise. */
export async function run(machine, view, { root, clock = new Clock(), heard = () => {} }) {
  while (gate) await gate;
  return new Run(machine, view, root, clock, heard).promise;
}

/**
 * Interrupt what is under way for some work, which gets its machine; afterwards the machine restarts.
 * While one interruption lasts, another one does nothing.
 */
export async function interrupt(work) {
  const top = running.at(-1);
  if (top ? top.suspended : gate) return;
  if (!top) {
    gate = work(null).finally(() => (gate = null));
    return gate;
  }
  top.suspend();
  try {
    await work(top.machine);
    top.goOn();
  } catch (error) {
    top.fail(error);
  }
}

class Run {
  constructor(machine, view, root, clock, heard) {
    Object.assign(this, { machine, view, root, clock, heard });
    this.drawn = null;
    this.lastFrame = null;
    this.earliest = clock.now(); // what comes now cannot concern what was seen before
    this.pressed = new Set(); // keys that went down since
    this.due = this.earliest;
    this.suspended = false;
    this.listeners = new AbortController();
    this.promise = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    running.push(this);
    this.attempt(() => this.open());
  }

  open() {
    this.view.send = (event, cause) =>
      this.attempt(() => this.take({ time: this.timeOf(cause), ...event }));
    this.resize();
    this.hear();
    this.request();
    if (this.machine.finished) this.finish();
  }

  request() {
    this.pending = requestAnimationFrame((stamp) => this.attempt(() => this.frame(stamp)));
  }

  frame(stamp) {
    if (this.suspended || this.over) return;
    const time = Math.max(this.clock.at(stamp), this.earliest); // events may come after a frame has begun
    const { deadline } = this.machine;
    const reached = deadline != null && deadline - time < SOON_S;
    if (reached) this.due = deadline;
    this.send({ kind: "tick", time: reached ? Math.max(time, deadline) : time });
    if (this.over) return;
    this.draw(time);
    this.view.frame?.(time);
    const dropped = late(this.clock.at(stamp), this.lastFrame);
    this.lastFrame = this.clock.at(stamp);
    const planned = plannedFrame(this.due ?? time, time, refreshHz);
    this.due = null;
    this.send({ kind: "shown", time, dropped, planned, here: focused });
    if (this.over) return;
    if (this.changed) this.due = time + 2 * SOON_S; // by this frame, hence due in the next
    this.request();
  }

  draw(time) {
    const { scene } = this.machine;
    const words = JSON.stringify(scene);
    if (words === this.drawn) return;
    this.view.draw(scene);
    this.drawn = words;
    this.earliest = Math.max(this.earliest, time);
  }

  get changed() {
    return JSON.stringify(this.machine.scene) !== this.drawn;
  }

  hear() {
    const { signal } = this.listeners;
    const on = (target, type, heard) =>
      target.addEventListener(type, (event) => this.attempt(() => heard(event)), { signal });
    on(window, "keydown", (event) => this.key(event));
    on(window, "resize", () => this.resize());
    on(window, "blur", (event) => this.focus(event, false));
    on(window, "focus", (event) => this.focus(event, true));
    on(document, "visibilitychange", (event) => this.visibility(event));
    on(this.root, "pointerdown", (event) => this.pointer("press", event));
    on(this.root, "pointermove", (event) => this.pointer(moveOr(event), event));
    on(this.root, "pointerup", (event) => this.pointer("release", event));
    on(this.root, "pointercancel", (event) => this.pointer("release", event));
    on(this.root, "contextmenu", (event) => event.preventDefault());
  }

  key(event) {
    if (this.suspended || running.at(-1) !== this) return;
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    if (!event.repeat) this.pressed.add(event.code);
    else if (!this.pressed.has(event.code)) return event.preventDefault(); // held since before
    const key = keyName(event);
    if (key === null || belongsToControl(key, event.target)) return;
    if ((this.view.keys ?? SUPPRESSED).has(key)) event.preventDefault();
    const time = this.timeOf(event);
    if (!event.repeat) this.take({ kind: "key", time, key });
    const [dx, dy] = DIRECTIONS[key] ?? [];
    if (key in DIRECTIONS) this.take({ kind: "nudge", time, dx, dy, fine: event.shiftKey });
  }

  pointer(kind, event) {
    const cancelled = event.type === "pointercancel";
    const counts = kind === "move" || cancelled || event.button in BUTTONS;
    if (!event.isPrimary || !counts || event.target.closest?.("[data-own]")) return;
    if (kind === "press") this.root.setPointerCapture(event.pointerId); // until it is released
    const frame = this.root.getBoundingClientRect();
    const found = {
      kind,
      time: this.timeOf(event),
      x: event.clientX - (frame.left + frame.width / 2),
      y: frame.top + frame.height / 2 - event.clientY,
      button: BUTTONS[event.button] ?? "left",
      pointer: event.pointerType === "mouse" ? "mouse" : "touch",
    };
    this.take(kind === "release" ? { ...found, cancelled } : found);
  }

  focus(event, here) {
    if (focused === here || running.at(-1) !== this) return;
    focused = here;
    const time = this.timeOf(event);
    this.take({ kind: "focus", time, here }); // what had ended before comes first
    this.keep([note("focus", time, { here })]);
  }

  visibility(event) {
    this.lastFrame = null; // frames are not late while the page is hidden: there are none
    this.focus(event, document.visibilityState === "visible" && document.hasFocus());
  }

  resize() {
    const { width, height } = this.root.getBoundingClientRect();
    this.view.resize?.(width, height);
    this.drawn = null;
  }

  timeOf(event) {
    return Math.min(event ? this.clock.at(event.timeStamp) : Infinity, this.clock.now());
  }

  take(event) {
    if (this.suspended || this.over || running.at(-1) !== this) return;
    this.earliest = Math.max(this.earliest, event.time);
    this.send({ ...event, time: this.earliest });
    if (!this.over && this.due === null && this.changed) this.due = this.earliest;
  }

  send(event) {
    this.keep(this.machine.handle(event));
    if (this.machine.finished) this.finish();
  }

  keep(items) {
    if (items?.length) this.heard(items);
  }

  suspend() {
    this.suspended = true;
    cancelAnimationFrame(this.pending);
  }

  goOn() {
    this.suspended = false;
    this.drawn = this.lastFrame = null;
    this.earliest = this.due = this.clock.now();
    this.keep(this.machine.restart?.(this.due));
    if (this.machine.finished) this.finish();
    else this.request();
  }

  attempt(work) {
    if (this.over) return;
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    this.close();
    this.reject(error);
  }

  finish() {
    this.close();
    this.resolve();
  }

  close() {
    this.over = true;
    cancelAnimationFrame(this.pending);
    this.listeners.abort();
    running.splice(running.indexOf(this), 1);
  }
}

/** What a movement is: where one button is down already, it reports the others. */
function moveOr({ button, buttons }) {
  if (button < 0) return "move";
  return buttons & HELD[button] ? "press" : "release";
}

/** Frames that came late between two frames, s; null where the rate is not known. */
function late(time, before) {
  if (!refreshHz) return null;
  return before === null ? 0 : Math.max(0, Math.round((time - before) * refreshHz) - 1);
}
