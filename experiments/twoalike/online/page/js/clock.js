/**
 * Time of a run: seconds since the first page of its part.
 *
 * `performance.now()`, `event.timeStamp` and the time of an animation frame count alike, in
 * milliseconds since the page was opened; the clock turns them into the run's seconds. After a
 * resume it goes on from where the run was left.
 */

const MICROSECONDS = 1e6;

export class Clock {
  constructor(start = 0, milliseconds = () => performance.now()) {
    this.start = start;
    this.milliseconds = milliseconds;
    this.origin = milliseconds();
  }

  now() {
    return this.at(this.milliseconds());
  }

  /** Time of the run at a time stamp; never before the clock's start. */
  at(stamp) {
    const seconds = this.start + Math.max(0, stamp - this.origin) / 1000;
    return Math.round(seconds * MICROSECONDS) / MICROSECONDS;
  }
}
