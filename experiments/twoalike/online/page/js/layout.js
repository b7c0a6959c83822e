/**
 * Where the images of a choice are in a window, and what a press hits: the geometry of the window
 * task (twoalike.tasks.screens) in CSS pixels, origin in the centre, y up.
 */

/** Places of three images. */
export const POSITIONS = ["left", "middle", "right"];

const SMALLEST_TEXT = 16;
/**
 * Height in lines of text that prompt, labels and timer take; in a column, and between its images.
 */
const LINES = 11;
const COLUMN_LINES = 9;
/** Images in each row of a grid, from the top, by their number. */
const ROWS = { 3: [3], 4: [2, 2], 5: [3, 2], 6: [3, 3] };
/** Height in lines of text of the label between two rows of a grid, or images of a column. */
const LABEL = 1.6;

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

/** Height of a line of text in CSS pixels. */
export function textHeight(screen, size) {
  return Math.max(SMALLEST_TEXT, round(screen.text_fraction * Math.min(...size)));
}

/** CSS pixels across an object in the middle of the screen. */
function degreesToPixels(degrees, measured) {
  const radians = (degrees * Math.PI) / 180;
  return 2 * measured.distance_cm * Math.tan(radians / 2) * measured.px_per_cm;
}

/**
 * Even side of an image's square, rounded down; a share of the width is at most `largest`, and in a
 * window higher than wide the whole width.
 */
function imageSide(images, [width, height], largest, measured) {
  let side = images.image_px;
  if (images.image_deg) {
    if (measured === null) {
      throw new Error("images are sized in degrees, and the screen was not measured");
    }
    side = round(degreesToPixels(images.image_deg, measured));
  } else if (!side) {
    side = Math.min((height > width ? 1 : images.image_fraction) * width, largest);
  }
  return Math.floor(side / 2) * 2;
}

function hitter(centres, image) {
  return (x, y) => {
    for (const [place, [cx, cy]] of Object.entries(centres)) {
      if (Math.max(Math.abs(x - cx), Math.abs(y - cy)) <= image / 2) return place;
    }
    return null;
  };
}

function byPlace(places, value) {
  return Object.fromEntries(places.map((place) => [place, value(place)]));
}

/** Side of the largest of three images that fit a window. */
function largestOfThree(images, [width, height], text, gap, column) {
  if (column) return Math.min(width, (height - COLUMN_LINES * text - 2 * gap) / 3);
  const free = height - LINES * text;
  if (images.layout === "row") return Math.min((width - 2 * gap) / 3, free);
  // Width holds 2 pitches and a side, height 2 sides and a gap; see the pitch in layOutThree.
  const root = Math.sqrt(3);
  return Math.min((root * width - 2 * gap) / (2 + root), (free - gap) / 2);
}

/**
 * Three images side by side, one above the other in a window higher than wide, or in a triangle.
 */
function layOutThree(protocol, size, measured) {
  const images = protocol.images;
  const text = textHeight(protocol.screen, size);
  const column = images.layout === "row" && size[1] > size[0];
  const gap = column ? Math.max(images.gap_px, Math.ceil(LABEL * text)) : images.gap_px;
  const largest = largestOfThree(images, size, text, gap, column);
  const image = imageSide(images, size, largest, measured);
  const clear = image + gap;
  let [pitch, drop] = [clear, 0];
  if (images.layout === "triangle") {
    pitch = Math.ceil(clear / Math.sqrt(3));
    // A reference is above the candidates; else the triangle stands on its tip, as arrow keys do.
    drop = protocol.task === "anchored-choice" ? -clear : clear;
  }
  const centres = byPlace(POSITIONS, (place) => {
    const along = (POSITIONS.indexOf(place) - 1) * pitch;
    const y = Math.floor(drop / 2) - (along === 0 ? drop : 0);
    return column ? [0, -along] : [along, y];
  });
  const heights = Object.values(centres).map(([, y]) => y);
  const away = image / 2 + (column ? 0.8 : 1.6) * text;
  const top = Math.max(...heights) + image / 2;
  const prompt_y = top + (drop > 0 ? 3.8 : 2.2) * text;
  // The label of a triangle's upper images is between them and the prompt: 1.4 lines.
  const below = prompt_y - top - (drop > 0 ? 1.6 * text + (1.4 * text) / 2 : 0);
  return {
    size,
    image,
    text,
    places: POSITIONS,
    centres,
    labels: byPlace(POSITIONS, (place) => {
      const [x, y] = centres[place];
      return [x, drop > 0 && x !== 0 ? y + away : y - away];
    }),
    label_widths: byPlace(
      POSITIONS,
      (place) => (column ? size[0] : (drop && place !== "middle" ? 2 : 1) * pitch) - text,
    ),
    prompt_y,
    prompt_room: 2 * Math.min(below, size[1] / 2 - prompt_y),
    timer_y: Math.min(...heights) - image / 2 - (column ? 3 : 4) * text,
    fits: image >= 2 && image <= largest,
    hit: hitter(centres, image),
  };
}

/** Centres in rows, or on the smallest circle on which no two images are closer than in rows. */
function looseCentres(images, n, across, down) {
  if (images.layout !== "ring") {
    const rows = ROWS[n];
    return rows.flatMap((length, row) =>
      Array.from({ length }, (_, column) => {
        const x = (column - (length - 1) / 2) * across;
        return [x, ((rows.length - 1) / 2 - row) * down];
      }),
    );
  }
  const ring = Array.from({ length: n }, (_, place) => {
    const angle = Math.PI / 2 - (2 * Math.PI * place) / n;
    return [Math.cos(angle), Math.sin(angle)];
  });
  let radius = 0;
  ring.forEach(([x, y], first) => {
    for (const [otherX, otherY] of ring.slice(first + 1)) {
      const apart = Math.max(Math.abs(x - otherX) / across, Math.abs(y - otherY) / down);
      radius = Math.max(radius, 1 / apart);
    }
  });
  return ring.map(([x, y]) => [radius * x, radius * y]);
}

/** Centres of images of a side, the whole in the middle; width and height of the whole. */
function gridCentres(images, n, side, text) {
  const gap = images.gap_px;
  const below = gap + round(LABEL * text);
  const points = looseCentres(images, n, side + gap, side + below);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const middle = (high + low) / 2;
  const wide = 2 * Math.max(...xs.map(Math.abs));
  return {
    centres: points.map(([x, y]) => [round(x), round(y - middle)]),
    extent: [Math.ceil(wide) + side, Math.ceil(high - low) + side],
  };
}

/** Side of the largest images on a grid or in a ring that fit; 0 if none do. */
function largestOnGrid(images, n, size, text) {
  // By the steps of the window's bisect_left: rounding makes what fits not quite monotone.
  let [low, high] = [0, Math.max(...size) - 1];
  while (low < high) {
    const side = Math.floor((low + high) / 2) + 1;
    const [wide, tall] = gridCentres(images, n, side, text).extent;
    if (wide <= size[0] && tall <= size[1] - LINES * text) low = side;
    else high = side - 1;
  }
  return low;
}

/** Three to six images on a grid or in a ring. */
function layOutGrid(protocol, size, n, measured) {
  const images = protocol.images;
  const text = textHeight(protocol.screen, size);
  const largest = largestOnGrid(images, n, size, text);
  const image = imageSide(images, size, largest, measured);
  const points = gridCentres(images, n, image, text).centres;
  const places = points.map((_, index) => String(index + 1));
  const centres = byPlace(places, (place) => points[Number(place) - 1]);
  const heights = points.map(([, y]) => y);
  const prompt_y = Math.max(...heights) + image / 2 + 2.2 * text;
  return {
    size,
    image,
    text,
    places,
    centres,
    labels: byPlace(places, (place) => {
      const [x, y] = centres[place];
      return [x, y - image / 2 - 1.2 * text];
    }),
    label_widths: byPlace(places, () => image),
    prompt_y,
    prompt_room: 2 * Math.min(2.2 * text, size[1] / 2 - prompt_y),
    timer_y: Math.min(...heights) - image / 2 - 3.4 * text,
    fits: image >= 2 && image <= largest,
    hit: hitter(centres, image),
  };
}

/**
 * Geometry of a window with the images of a choice.
 *
 * Images of a fixed size keep it in a window that is too small; `fits` is false then.
 */
export function layOut(protocol, size, n, measured = null) {
  const grid = ["grid", "ring"].includes(protocol.images.layout);
  return grid ? layOutGrid(protocol, size, n, measured) : layOutThree(protocol, size, measured);
}
