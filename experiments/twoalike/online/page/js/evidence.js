/**
 * What arrangements say of each pair: evidence weights, and one dissimilarity from all trials.
 *
 * The same as `twoalike.design` computes (doi:10.3389/fpsyg.2012.00245). Matrices of m objects are
 * arrays of m * m numbers, row by row.
 */

import { hypot, round } from "./numeric.js";

const MAX_ITERATIONS = 500;
const TOLERANCE = 1e-8; // sum of squared changes below which the average has settled
const DECIMALS = 6; // of positions in the raw table

/**
 * One submitted trial: which items, and where they were put.
 *
 * @typedef {{items: number[], positions: Array<[number, number]>}} ArrangedTrial
 */

/**
 * Trial with its positions rounded as the raw table has them.
 *
 * @param {number[]} items Indices of the items inside the arena.
 * @param {Array<[number, number]>} positions Arena diameters.
 * @returns {ArrangedTrial}
 */
export function arrangedTrial(items, positions) {
  return { items, positions: positions.map(([x, y]) => [round(x, DECIMALS), round(y, DECIMALS)]) };
}

/** Distances of each trial, made once: every choice needs those of all trials. */
const measured = new WeakMap();

/** Distance of each pair of a trial's items, in the order of its pairs. */
function distances(trial) {
  const known = measured.get(trial);
  if (known) return known;
  const { positions } = trial;
  const found = positions.flatMap(([x, y], first) => {
    return positions.slice(first + 1).map(([otherX, otherY]) => hypot(x - otherX, y - otherY));
  });
  measured.set(trial, found);
  return found;
}

/** All distances of all trials: trial, place of the pair (row * m + column), distance, weight. */
function placed(trials, m, floor) {
  const distance = Float64Array.from(trials.flatMap(distances));
  const trial = new Int32Array(distance.length);
  const pair = new Int32Array(distance.length);
  let row = 0;
  trials.forEach(({ items }, number) => {
    items.forEach((one, first) => {
      for (const other of items.slice(first + 1)) {
        trial[row] = number;
        pair[row++] = Math.min(one, other) * m + Math.max(one, other);
      }
    });
  });
  // A power need not be a product to the last bit.
  const weight = distance.map((length) => Math.max(length, floor) * Math.max(length, floor));
  return { trial, pair, distance, weight };
}

/** Copy what is above the diagonal below it. */
function mirrored(upper, m) {
  for (let row = 0; row < m; row++) {
    for (let column = row + 1; column < m; column++) {
      upper[column * m + row] = upper[row * m + column];
    }
  }
  return upper;
}

/**
 * Evidence that trials give on each pair: the sum of max(distance, floor)² over trials.
 *
 * @param {ArrangedTrial[]} trials
 * @param {number} m
 * @param {number} floor Arena diameters.
 * @returns {Float64Array} Shape (m, m); zero for pairs never shown together.
 */
export function pairEvidence(trials, m, floor) {
  const { pair, weight } = placed(trials, m, floor);
  const evidence = new Float64Array(m * m);
  pair.forEach((at, row) => (evidence[at] += weight[row]));
  return mirrored(evidence, m);
}

/** Sum of the values of each of n groups. */
function sums(groups, values, n) {
  const totals = new Float64Array(n);
  for (let row = 0; row < groups.length; row++) totals[groups[row]] += values[row];
  return totals;
}

/** Quotients, 0 where the divisor is. */
function ratios(top, bottom) {
  return top.map((value, at) => (bottom[at] === 0 ? 0 : value / bottom[at]));
}

function toNormOne(values) {
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm > 0 ? values.map((value) => value / norm) : values;
}

/** Places of the pairs that were shown, and for each row which of them it is. */
function shownPairs(pair) {
  const known = [...new Set(pair)].sort((a, b) => a - b);
  const number = new Map(known.map((at, row) => [at, row]));
  return { known, index: pair.map((at) => number.get(at)) };
}

/**
 * Average the distances of trials, each trial rescaled to fit the average of all.
 *
 * @param {ArrangedTrial[]} trials
 * @param {number} m
 * @param {number} floor Arena diameters.
 * @returns {Float64Array} Dissimilarities, shape (m, m): NaN for pairs never shown together, 0 on
 *   the diagonal; the pairs together have Euclidean norm one.
 */
export function rescaledAverage(trials, m, floor) {
  const { trial, pair, distance, weight } = placed(trials, m, floor);
  const { known, index } = shownPairs(pair);
  const total = sums(index, weight, known.length);
  const shown = sums(index, weight.map(() => 1), known.length);
  const norms = sums(trial, distance.map((length) => length * length), trials.length);
  const unit = distance.map((length, row) => (length ? length / Math.sqrt(norms[trial[row]]) : 0));
  let mean = toNormOne(ratios(sums(index, distance, known.length), shown));
  const aligned = new Float64Array(index.length);
  let change = Infinity;
  for (let turn = 0; change > TOLERANCE && turn < MAX_ITERATIONS; turn++) {
    const scale = new Float64Array(trials.length);
    for (let row = 0; row < index.length; row++) scale[trial[row]] += mean[index[row]] ** 2;
    for (let row = 0; row < index.length; row++) {
      aligned[row] = weight[row] * unit[row] * Math.sqrt(scale[trial[row]]);
    }
    const next = toNormOne(ratios(sums(index, aligned, known.length), total));
    change = next.reduce((sum, value, at) => sum + (value - mean[at]) ** 2, 0);
    mean = next;
  }
  const square = new Float64Array(m * m).fill(NaN);
  known.forEach((at, row) => (square[at] = mean[row]));
  for (let row = 0; row < m; row++) square[row * m + row] = 0;
  return mirrored(square, m);
}
