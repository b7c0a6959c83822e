/**
 * Where the images of a trial are among each other, and how large they can be. The images of a
 * trial are as large as in a window of the same size, or larger where a page has more room.
 */

export const POSITIONS = ["left", "middle", "right"];

const SMALLEST_TEXT = 16;
const EDGE = 2 / Math.sqrt(3); // of an equilateral triangle of height 1
const TRIANGLE = [[0, 0], [EDGE / 2, 1], [EDGE, 0]];

/**
 * Number rounded to decimals as Python rounds: by its exact value, halves to the even neighbour.
 */
export function round(value, decimals = 0) {
  // Only halves of 1/2^decimals are exactly between two such numbers.
  const halves = value * 2 ** (decimals + 1);
  if (Number.isInteger(halves) && halves % 2 !== 0) {
    const below = Math.floor(value * 10 ** decimals);
    return (below + (below % 2 === 0 ? 0 : 1)) / 10 ** decimals + 0;
  }
  return Number(value.toFixed(decimals)) + 0;
}

export function textHeight(screen, size) {
  return Math.max(SMALLEST_TEXT, round(screen.text_fraction * Math.min(...size)));
}

export function noRoom(what, [width, height]) {
  return new RangeError(`${what} do not fit a window of ${width} x ${height} px`);
}

/** Prompt, timer and images from the upper edge, counter, progress and images from the lower. */
const WIDE = [1.2, 2.5, 3.2, 2.0, 0.8, 3.0];
const UPRIGHT = [1.85, 3.6, 4.3, 4.3, 3.3, 5.3];

export class PlacingLayout {
  constructor({ screen }, size, { held_scale, magnify_fraction }) {
    Object.assign(this, { size, heldScale: held_scale, text: textHeight(screen, size) });
    this.upright = size[1] > size[0];
    const from = (lines, at) => Math.sign(2.5 - at) * (size[1] / 2 - lines * this.text);
    const [prompt, timer, top, counter, progress, bottom] = (this.upright ? UPRIGHT : WIDE).map(from);
    Object.assign(this, { top, bottom, heights: { prompt, timer, counter, progress } });
    this.magnified = round((magnify_fraction * Math.min(...size)) / 2) * 2;
  }

  clamp(x, y) {
    const within = (value, most) => Math.min(Math.max(value, -most), most);
    return [within(x, this.size[0] / 2), within(y, this.size[1] / 2)];
  }
}

/**
 * Even side of an image's square, rounded down; a share of the width is at most `largest`, and in a
 * window higher than wide the whole width.
 */
function imageSide(images, [width, height], largest, measured) {
  let side = images.image_px;
  if (images.image_deg) {
    const radians = (images.image_deg * Math.PI) / 180;
    side = round(2 * measured.distance_cm * Math.tan(radians / 2) * measured.px_per_cm);
  } else if (!side) {
    side = Math.min((height > width ? 1 : images.image_fraction) * width, largest);
  }
  return Math.floor(side / 2) * 2;
}

function inRows(n, columns) {
  return Array.from({ length: n }, (_, at) => {
    const row = Math.floor(at / columns);
    const short = columns - Math.min(columns, n - row * columns);
    return [(at % columns) + short / 2, row];
  });
}

/** Points on the smallest circle on which no two are closer than in rows. */
function onRing(n) {
  const angles = Array.from({ length: n }, (_, at) => Math.PI / 2 - (2 * Math.PI * at) / n);
  const ring = angles.map((angle) => [Math.cos(angle), -Math.sin(angle)]);
  const apart = ([x, y], [otherX, otherY]) => Math.max(Math.abs(x - otherX), Math.abs(y - otherY));
  const nearest = Math.min(...ring.slice(1).map((point, at) => apart(point, ring[at])));
  return ring.map(([x, y]) => [x / nearest, y / nearest]);
}

/** Ways to lay out so many images, in sides of an image with its gap, y down. */
function ways({ layout }, n, [width, height], task) {
  if (layout === "row") return [inRows(n, height > width ? 1 : n)];
  if (layout === "ring") return [onRing(n)];
  if (layout !== "triangle") return Array.from({ length: n }, (_, at) => inRows(n, at + 1));
  // A reference is above the candidates; else the triangle stands on its tip, as arrow keys do.
  return [task === "anchored-choice" ? TRIANGLE.map(([x, y]) => [x, 1 - y]) : TRIANGLE];
}

function extent(points, axis) {
  const along = points.map((point) => point[axis]);
  return [Math.min(...along), Math.max(...along) - Math.min(...along)];
}

/**
 * Largest images in a space of the window, each with a label of some height below it: their side,
 * the upper left corner of each, and width and height of the whole.
 */
export function placeImages({ images, task }, n, window, [width, height], label, measured) {
  const most = window[1] > window[0] ? Math.round(window[0] / 24) : Infinity; // of a phone's width
  const gaps = [0, label].map((more) => Math.min(images.gap_px, most) + more);
  const found = ways(images, n, window, task).map((points) => {
    const [across, down] = [extent(points, 0)[1], extent(points, 1)[1]];
    const wide = (width - across * gaps[0]) / (across + 1);
    return { points, largest: Math.min(wide, (height - label - down * gaps[1]) / (down + 1)) };
  });
  const { points, largest } = found.reduce((one, other) => (other.largest > one.largest ? other : one));
  const side = imageSide(images, window, largest, measured);
  const pitch = gaps.map((gap) => side + gap);
  const lows = [extent(points, 0), extent(points, 1)];
  return {
    side,
    corners: points.map((point) => point.map((at, axis) => Math.round((at - lows[axis][0]) * pitch[axis]))),
    size: lows.map(([, long], axis) => Math.round(long * pitch[axis]) + side + axis * label),
  };
}
