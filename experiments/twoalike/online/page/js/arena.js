/**
 * Where things are in the window of an arrangement: circle, seats, buttons, lines of text.
 *
 * The geometry of `twoalike.tasks.multi_arrangement` in a window: pixels from the centre, y up.
 * Only the widths of texts are the browser's own. A window may be too small for the circle or the
 * images; texts that its font makes wider than they may be are to be drawn smaller.
 */

import { round, textHeight } from "./layout.js";

const WIDE = [1.2, 2.5, 3.2, 2.0, 0.8, 3.0];
/** Prompt, timer and images from the upper edge, counter, progress and images from the lower. */
const UPRIGHT = [1.85, 3.6, 4.3, 4.3, 3.3, 5.3];
const FINGER = 44; // least height of a button, px
const FIRST_RING = 0.75; // from the circle's line to the first seats, in images
const PITCH = 1.1; // from a seat to the next along its ring, in images
const RING_STEP = 1.45; // from a ring to the next, in images
const USUAL = 0.08; // side that crowded images keep, as a share of the circle's diameter
const COVER = 0.25; // share of the circle that larger images may cover together
const WIDEST = 0.84; // longest line as a share of the window's width
const DECIMALS = 6;
const N_ANGLES = 2880;
const STEP = (2 * Math.PI) / N_ANGLES;
const ANGLES = Float64Array.from({ length: N_ANGLES }, (_, at) => (at + 0.5) * STEP);
const COSINES = ANGLES.map(Math.cos);
const SINES = ANGLES.map(Math.sin);

/** Circle or images do not fit the window. */
export class NoRoomError extends Error {}

/** Whether a point lies in a box. */
export function holds(box, x, y) {
  return Math.abs(x - box.x) <= box.width / 2 && Math.abs(y - box.y) <= box.height / 2;
}

/** Line that says how many images are left. */
export function countText(texts, n) {
  if (n === 0) return texts.left_none;
  return n === 1 ? texts.left_one : filled(texts.left, n);
}

/** Text with a number in place of {n}. */
function filled(format, n) {
  return format.replace(/\{\{|\}\}|\{n\}/g, (found) => (found === "{n}" ? String(n) : found[0]));
}

/** Window and circle, and where images lie in them at first. */
export class ArenaLayout {
  constructor({ size, text, radius }) {
    Object.assign(this, { size, text, radius });
    this.lines = arenaLines(size, text);
    this.centre = [0, (this.lines.top + this.lines.bottom) / 2];
  }

  /** Pixels to arena units (diameter 1), rounded as they are recorded. */
  toArena(x, y) {
    const scale = 2 * this.radius;
    const along = (x - this.centre[0]) / scale;
    return [round(along, DECIMALS), round((y - this.centre[1]) / scale, DECIMALS)];
  }

  /** Arena units to pixels. */
  toPixels(x, y) {
    const scale = 2 * this.radius;
    return [this.centre[0] + scale * x, this.centre[1] + scale * y];
  }

  /** Whether a point in pixels is in the circle, by its recorded coordinates. */
  inside(x, y) {
    return Math.hypot(...this.toArena(x, y)) <= 0.5;
  }

  /** Nearest point in the window. */
  clamp(x, y) {
    const [width, height] = this.size;
    const within = (value, most) => Math.min(Math.max(value, -most), most);
    return [within(x, width / 2), within(y, height / 2)];
  }

  /** Radius of each ring, its length up to each angle, and how many seats it has. */
  rings(item) {
    const width = this.size[0];
    const low = this.lines.bottom + item / 2;
    const high = this.lines.top - item / 2;
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

  /** Seats for n images, evenly along each ring, counter-clockwise from the right. */
  seats(n, rotation) {
    const seats = [];
    for (const { radius, length, most } of this.rings(this.item)) {
      const here = Math.min(most, n - seats.length);
      if (here <= 0) continue;
      const evenly = isRound(radius, length) && here * RING_STEP * this.item <= 6 * radius;
      for (let seat = 0; seat < here; seat++) {
        const angle = evenly
          ? (rotation * Math.PI) / 180 + (2 * Math.PI * seat) / here
          : angleAt(length, ((seat / here + rotation / 360) % 1) * length.at(-1));
        seats.push(this.#seat(radius, angle));
      }
    }
    if (seats.length < n) throw new NoRoomError(`${n} images for ${seats.length} seats`);
    return seats.sort((a, b) => a.angle - b.angle);
  }

  #seat(radius, angle) {
    // An arc may end a fraction of a pixel beyond the edge.
    const edge = (this.size[0] - this.item) / 2;
    const x = Math.min(Math.max(this.centre[0] + radius * Math.cos(angle), -edge), edge);
    const y = this.centre[1] + radius * Math.sin(angle);
    return { x, y, angle: ((angle * 180) / Math.PI) % 360 };
  }
}

/** Whether a ring goes all the way round: so long is the perimeter by the faster coordinate. */
function isRound(radius, length) {
  return length.at(-1) > 0.999 * radius * 4 * Math.sqrt(2);
}

/** Angle at which a ring has a length; between two angles, in proportion. */
function angleAt(length, wanted) {
  if (wanted <= length[0]) return ANGLES[0];
  let low = 0;
  let high = N_ANGLES - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (length[middle] <= wanted) low = middle;
    else high = middle;
  }
  const slope = (ANGLES[high] - ANGLES[low]) / (length[high] - length[low]);
  return slope * (wanted - length[low]) + ANGLES[low];
}

/** Heights of the lines above and below the arena; images lie between top and bottom. */
function arenaLines(size, text) {
  const edge = size[1] / 2;
  const [prompt, timer, above, counter, progress, below] = isUpright(size) ? UPRIGHT : WIDE;
  return {
    prompt: edge - prompt * text,
    timer: edge - timer * text,
    counter: counter * text - edge,
    progress: progress * text - edge,
    top: edge - above * text,
    bottom: below * text - edge,
  };
}

function isUpright([width, height]) {
  return height > width;
}

/** Done at the lower right, Start over at the lower left, as wide as their texts need. */
function cornerButtons(texts, [width, height], text, measure) {
  const labels = [texts.done, texts.confirm, texts.start_over, texts.confirm_start_over];
  const widest = Math.max(...labels.map((label) => measure(label, text)));
  const wide = Math.min(Math.max(6 * text, 1.5 * text + widest), width / 2 - 0.5 * text);
  const x = width / 2 - 0.5 * text - wide / 2;
  const high = Math.max(2.2 * text, FINGER);
  const top = Math.max(2.6 * text, FINGER + 0.25 * text);
  const box = { y: top - (high + height) / 2, width: wide, height: high };
  return { done: { x, ...box }, startOver: { x: -x, ...box } };
}

/** Largest even side at which n images have a seat, and room in the circle to be apart. */
function itemSize({ arena }, layout, n) {
  const share = Math.max(USUAL, Math.sqrt((COVER * Math.PI) / 4 / n));
  const wanted = Math.min(arena.item_fraction, share) * 2 * layout.radius;
  const item = Math.max(2, Math.floor(round(wanted) / 2) * 2);
  const least = Math.min(item, arena.minimum_px);
  for (let side = item; side >= least; side -= 2) {
    if (layout.rings(side).reduce((sum, { most }) => sum + most, 0) >= n) return side;
  }
  const found = layout.size.join(" x ");
  throw new NoRoomError(`${n} images of ${least} px do not fit a window of ${found} px`);
}

/** Geometry of a window for a trial of n images. */
export function layOutArena(protocol, size, n, measure) {
  const text = textHeight(protocol.screen, size);
  const radius = (protocol.arena.arena_fraction * Math.min(...size)) / 2;
  const layout = new ArenaLayout({ size, text, radius });
  const { done, startOver } = cornerButtons(protocol.texts, size, text, measure);
  if (2 * radius > layout.lines.top - layout.lines.bottom) {
    throw new NoRoomError(`circle and texts do not fit a window of ${size.join(" x ")} px`);
  }
  const inner = done.x - done.width / 2;
  return Object.assign(layout, {
    item: itemSize(protocol, layout, n),
    magnified: round((protocol.arena.magnify_fraction * Math.min(...size)) / 2) * 2,
    done,
    startOver,
    counterWidth: isUpright(size) ? WIDEST * size[0] : Math.max(text, 2 * (inner - text)),
  });
}
