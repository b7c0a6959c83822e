/**
 * Where images lie ready and where the piles are.
 *
 * The geometry of `twoalike.tasks.free_sorting` in a window: pixels from the centre, y up; boxes
 * have centre, width and height.
 */

import { noRoom, PlacingLayout } from "./layout.js";

const GAP = 0.5; // between two places, and between images and their edge, in lines of text
const APART = 0.1; // between two images, as a share of their side
const NAME = 1.5; // height of a pile's name, in lines of text

function best(n, measure) {
  const measured = Array.from({ length: n }, (_, at) => measure(at + 1));
  return 1 + measured.indexOf(Math.max(...measured));
}

function sideOf({ width, height }, n, columns) {
  const [across, down] = [columns, Math.ceil(n / columns)].map((k) => k + (k - 1) * APART);
  return Math.max(0, Math.min(width / across, height / down));
}

function grid({ x, y }, n, columns, across, down) {
  const rows = Math.ceil(n / columns);
  return Array.from({ length: n }, (_, at) => [
    x + ((at % columns) - (columns - 1) / 2) * across,
    y - (Math.floor(at / columns) - (rows - 1) / 2) * down,
  ]);
}

export class PilesLayout extends PlacingLayout {
  constructor(protocol, size, n) {
    super(protocol, size, protocol.piles);
    const { piles, rules } = protocol;
    const { text, top, bottom, upright } = this;
    const gap = GAP * text;
    const [wide, high] = [size[0] - 2 * gap, top - bottom];
    const across = upright ? wide : piles.tray_fraction * size[0];
    const down = upright ? piles.tray_fraction * high : high;
    this.tray = { x: (across - wide) / 2, y: top - down / 2, width: across, height: down };
    const width = upright ? wide : wide - across - gap;
    const height = upright ? high - down - gap : high;
    const area = { x: (wide - width) / 2, y: bottom + height / 2, width, height };
    this.#divide(area, rules.max_piles, gap);
    this.name = rules.name_piles ? NAME * text : 0;
    const [cell] = this.cells;
    const most = Math.min(piles.item_fraction * size[1], cell.width - text, cell.height - text);
    this.item = Math.floor(this.#packed(this.tray, n, most).side / 2) * 2;
    if (this.item < piles.minimum_px) throw noRoom(`${n} images`, size);
  }

  #divide(area, n, gap) {
    const shape = (columns) => {
      const counts = [columns, Math.ceil(n / columns)];
      return [area.width, area.height].map((all, k) => (all - (counts[k] - 1) * gap) / counts[k]);
    };
    this.columns = best(n, (k) => Math.min(...shape(k)));
    const [width, height] = shape(this.columns);
    const centres = grid(area, n, this.columns, width + gap, height + gap);
    this.cells = centres.map(([x, y]) => ({ x, y, width, height }));
  }

  #packed({ x, y, width, height }, n, most) {
    const edge = 2 * GAP * this.text;
    const room = { x, y, width: width - edge, height: height - edge };
    const columns = best(n, (k) => sideOf(room, n, k));
    const side = Math.min(most, sideOf(room, n, columns));
    return { side, places: grid(room, n, columns, side * (1 + APART), side * (1 + APART)) };
  }

  cellAt(x, y) {
    const holds = (box) =>
      Math.abs(x - box.x) <= box.width / 2 && Math.abs(y - box.y) <= box.height / 2;
    const found = this.cells.findIndex(holds);
    return found < 0 ? null : found;
  }

  trayPlaces(n) {
    return this.#packed(this.tray, n, this.item).places;
  }

  pilePlaces(cell, n) {
    const { x, y, width, height } = this.cells[cell];
    const free = { x, y: y - this.name / 2, width, height: height - this.name };
    return this.#packed(free, n, this.item);
  }

  neighbour(cell, x, y, dx, dy) {
    const { cells, columns, upright } = this;
    if (cell === null) {
      if (upright ? dy >= 0 : dx <= 0) return null;
      const beside = cells.filter((_, at) => (upright ? at < columns : at % columns === 0));
      const apart = (box) => (upright ? Math.abs(box.x - x) : Math.abs(box.y - y));
      return cells.indexOf(beside.reduce((one, box) => (apart(box) < apart(one) ? box : one)));
    }
    const [row, column] = [Math.floor(cell / columns) - dy, (cell % columns) + dx];
    if (upright ? row < 0 : column < 0) return null;
    const within = (value, last) => Math.min(Math.max(value, 0), last);
    const last = Math.floor((cells.length - 1) / columns);
    return Math.min(within(row, last) * columns + within(column, columns - 1), cells.length - 1);
  }
}
