/**
 * Where circle and seats of an arrangement are, and how large its images.
 *
 * The geometry of `twoalike.tasks.multi_arrangement` in a window: pixels from the centre, y up.
 */

import { noRoom, PlacingLayout, round } from "./layout.js";

const FIRST_RING = 0.75; // from the circle's line to the first seats, in images
const PITCH = 1.1; // from a seat to the next along its ring, in images
const RING_STEP = 1.45; // from a ring to the next, in images
const USUAL = 0.08; // side that crowded images keep, as a share of the circle's diameter
const COVER = 0.25; // share of the circle that larger images may cover together
const DECIMALS = 6;
const N_ANGLES = 2880;
const STEP = (2 * Math.PI) / N_ANGLES;
const ANGLES = Float64Array.from({ length: N_ANGLES }, (_, at) => (at + 0.5) * STEP);
const COSINES = ANGLES.map(Math.cos);
const SINES = ANGLES.map(Math.sin);

export class ArenaLayout extends PlacingLayout {
  constructor(protocol, size, n) {
    super(protocol, size, protocol.arena);
    this.radius = (protocol.arena.arena_fraction * Math.min(...size)) / 2;
    this.centre = [0, (this.top + this.bottom) / 2];
    if (2 * this.radius > this.top - this.bottom) throw noRoom("the circle", size);
    this.item = this.#itemSize(protocol.arena, n);
  }

  /** Pixels to arena units (diameter 1), rounded as they are recorded. */
  toArena(x, y) {
    const scale = 2 * this.radius;
    const along = (x - this.centre[0]) / scale;
    return [round(along, DECIMALS), round((y - this.centre[1]) / scale, DECIMALS)];
  }

  toPixels(x, y) {
    const scale = 2 * this.radius;
    return [this.centre[0] + scale * x, this.centre[1] + scale * y];
  }

  inside(x, y) {
    return Math.hypot(...this.toArena(x, y)) <= 0.5;
  }

  rings(item) {
    const width = this.size[0];
    const low = this.bottom + item / 2;
    const high = this.top - item / 2;
    const furthest = Math.max(width / 2 - item / 2, high - this.centre[1]);
    const rings = [];
    let radius = this.radius + FIRST_RING * item;
    for (; radius <= furthest; radius += RING_STEP * item) {
      const length = this.#freeLength(radius, width / 2 - item / 2, low, high);
      rings.push({ radius, length, most: Math.trunc(length.at(-1) / (PITCH * item)) });
    }
    return rings;
  }

  /**
   * Length of a ring up to each angle, by the coordinate that changes faster, and only where a
   * seat may be: squares whose centres are a side apart in one coordinate do not overlap.
   */
  #freeLength(radius, wide, low, high) {
    const length = new Float64Array(N_ANGLES);
    let total = 0;
    for (let at = 0; at < N_ANGLES; at++) {
      const x = this.centre[0] + radius * COSINES[at];
      const y = this.centre[1] + radius * SINES[at];
      if (Math.abs(x) <= wide && y >= low && y <= high) {
        total += radius * Math.max(Math.abs(COSINES[at]), Math.abs(SINES[at]));
      }
      length[at] = total * (ANGLES[1] - ANGLES[0]);
    }
    return length;
  }

  seats(n, rotation) {
    const seats = [];
    for (const { radius, length, most } of this.rings(this.item)) {
      const here = Math.min(most, n - seats.length);
      if (here <= 0) continue;
      // Few on a whole ring, which is so long by the coordinate that changes faster.
      const whole = length.at(-1) > 0.999 * radius * 4 * Math.SQRT2;
      const evenly = whole && here * RING_STEP * this.item <= 6 * radius;
      for (let seat = 0; seat < here; seat++) {
        const angle = evenly
          ? (rotation * Math.PI) / 180 + (2 * Math.PI * seat) / here
          : angleAt(length, ((seat / here + rotation / 360) % 1) * length.at(-1));
        seats.push(this.#seat(radius, angle));
      }
    }
    if (seats.length < n) throw noRoom(`${n} images`, this.size);
    return seats.sort((a, b) => a.angle - b.angle);
  }

  #itemSize({ item_fraction, minimum_px }, n) {
    const share = Math.max(USUAL, Math.sqrt((COVER * Math.PI) / 4 / n));
    const wanted = Math.min(item_fraction, share) * 2 * this.radius;
    const item = Math.max(2, Math.floor(round(wanted) / 2) * 2);
    for (let side = item; side >= Math.min(item, minimum_px); side -= 2) {
      if (this.rings(side).reduce((sum, { most }) => sum + most, 0) >= n) return side;
    }
    throw noRoom(`${n} images`, this.size);
  }

  #seat(radius, angle) {
    // An arc may end a fraction of a pixel beyond the edge.
    const edge = (this.size[0] - this.item) / 2;
    const x = Math.min(Math.max(this.centre[0] + radius * Math.cos(angle), -edge), edge);
    const y = this.centre[1] + radius * Math.sin(angle);
    return { x, y, angle: ((angle * 180) / Math.PI) % 360 };
  }
}

function angleAt(length, wanted) {
  const high = length.findIndex((one) => one > wanted);
  if (high <= 0) return ANGLES.at(high);
  const low = high - 1;
  const slope = (ANGLES[high] - ANGLES[low]) / (length[high] - length[low]);
  return slope * (wanted - length[low]) + ANGLES[low];
}
