/**
 * Which items the next trial of a multi-arrangement session shows, or why there is none.
 *
 * The choice of `twoalike.design.next_arrangement`, in the page, so that nobody waits for a server
 * between two arrangements. Lift the weakest (doi:10.3389/fpsyg.2012.00245): from a first pair the
 * set grows item by item while the predicted gain in evidence for its cost rises.
 */

import { pairEvidence, rescaledAverage } from "./evidence.js";

const SMALLEST_SET = 3;
const TIE = 1e-12; // relative difference below which two sets are equally efficient

/**
 * Evidence before a trial, and what comes.
 *
 * @typedef {object} State
 * @property {number} minEvidence Smallest evidence of a pair, squared arena diameters.
 * @property {number} meanEvidence
 * @property {number} progress Mean share of the evidence asked for, in [0, 1].
 */

/**
 * @typedef {State & {items: number[], scheduler: string, sessionProgress: number}} Planned
 * @typedef {State & {reason: "evidence"|"time"|"max_trials"|"list"}} End
 */

/**
 * Choose the items of the next main trial.
 *
 * @param {object} config Table `[arrangement]` of the study.
 * @param {number} m Number of items, at least 3.
 * @param {import("./evidence.js").ArrangedTrial[]} done Main trials submitted, oldest first.
 * @param {import("./random.js").Generator} rng Made for this trial alone.
 * @param {object} more
 * @param {number} more.spentS Time within the session's submitted trials, s.
 * @param {number} [more.inSession] How many of `done` belong to this session.
 * @param {Array<[number[], string]>|null} [more.listed] Items and scheduler of each main trial,
 *   for every scheduler but `lift_weakest`.
 * @returns {Planned|End}
 */
export function nextArrangement(config, m, done, rng, { spentS, inSession, listed = null }) {
  const evidence = pairEvidence(done, m, config.weight_floor);
  const state = evidenceState(evidence, m, config.stop_evidence);
  const number = inSession ?? done.length;
  const reason = endReason(config, state, number, spentS, listed);
  if (reason !== null) return { ...state, reason };
  const shares = sharesOver(config, number, spentS);
  if (listed !== null) {
    const [items, scheduler] = listed[number];
    shares.push(number / listed.length);
    return { ...state, items: [...items], scheduler, sessionProgress: Math.max(...shares) };
  }
  const earlier = pairEvidence(done.slice(0, done.length - number), m, config.weight_floor);
  const begun = evidenceState(earlier, m, config.stop_evidence).progress;
  shares.push((state.progress - begun) / (1 - begun));
  const [items, scheduler] = lifted(config, evidence, m, done, rng);
  const seated = rng.permutation(items);
  return { ...state, items: seated, scheduler, sessionProgress: Math.max(...shares) };
}

/** Summary of the evidence on all pairs. @returns {State} */
function evidenceState(evidence, m, stop) {
  let minEvidence = Infinity;
  let total = 0;
  let shares = 0;
  for (const [i, j] of pairs(m)) {
    const value = evidence[i * m + j];
    minEvidence = Math.min(minEvidence, value);
    total += value;
    shares += Math.min(value / stop, 1);
  }
  const n = (m * (m - 1)) / 2;
  return { minEvidence, meanEvidence: total / n, progress: shares / n };
}

function* pairs(m) {
  for (let i = 0; i < m; i++) for (let j = i + 1; j < m; j++) yield [i, j];
}

function endReason(config, state, number, spentS, listed) {
  if (listed !== null && number >= listed.length) return "list";
  if (listed === null && state.minEvidence >= config.stop_evidence) return "evidence";
  if (config.max_trials && number >= config.max_trials) return "max_trials";
  if (config.session_minutes && spentS >= 60 * config.session_minutes) return "time";
  return null;
}

/** Shares of the allowed trials and of the allowed time that are over. */
function sharesOver(config, number, spentS) {
  const shares = config.max_trials ? [number / config.max_trials] : [];
  if (config.session_minutes) shares.push(spentS / (60 * config.session_minutes));
  return shares;
}

function lifted(config, evidence, m, done, rng) {
  const limit = Math.min(config.max_items || m, m);
  if (!evidence.some((value) => value > 0)) {
    // The scale of later trials hangs on the first, which shows as much as it may.
    if (limit === m) return [[...Array(m).keys()], "all"];
    return [rng.sample(m, limit), "random"];
  }
  const dissimilarities = rescaledAverage(done, m, config.weight_floor);
  fillUnknown(dissimilarities, m);
  const prospect = new Prospect(config, evidence, dissimilarities, m);
  const pair = firstPair(evidence, m, config.first_pair, limit, rng);
  return [growSet(pair, prospect, limit, rng), "lift_weakest"];
}

/** Give pairs that were never shown together the median of the others. */
function fillUnknown(dissimilarities, m) {
  const known = [];
  for (const [i, j] of pairs(m)) {
    const value = dissimilarities[i * m + j];
    if (!Number.isNaN(value)) known.push(value);
  }
  known.sort((a, b) => a - b);
  const middle = known.length / 2;
  const median = (known[Math.ceil(middle) - 1] + known[Math.floor(middle)]) / 2;
  dissimilarities.forEach((value, at) => {
    if (Number.isNaN(value)) dissimilarities[at] = median;
  });
}

/** Evidence and dissimilarities before a trial, and constants of the choice. */
class Prospect {
  constructor(config, evidence, dissimilarities, m) {
    Object.assign(this, { evidence, dissimilarities, m });
    this.exponent = config.evidence_exponent;
    this.floor = config.weight_floor;
    this.cost = config.cost_exponent;
    /** Utility that each pair still lacks. */
    this.lack = evidence.map((value) => Math.exp(-this.exponent * value));
  }

  /** Utility that a pair (its row times m plus its column) gains in a set of a diameter. */
  gain(pair, diameter) {
    if (diameter <= 0) return 0;
    const weight = Math.max(this.dissimilarities[pair] / diameter, this.floor);
    return -this.lack[pair] * Math.expm1(-this.exponent * weight * weight);
  }
}

/** Pair that a set grows from; ties are broken at random. */
function firstPair(evidence, m, rule, maxItems, rng) {
  const score = rule === "zero_reach" ? reachScore(evidence, m) : weakScore(evidence, m, maxItems);
  let best = -Infinity;
  let found = [];
  for (const pair of pairs(m)) {
    const value = score(...pair);
    if (value > best) [best, found] = [value, [pair]];
    else if (value === best) found.push(pair);
  }
  return rng.choice(found);
}

/** Of pairs with evidence, those whose two items take part in most pairs without. */
function reachScore(evidence, m) {
  const alone = Array.from({ length: m }, (_, row) => {
    return evidence.subarray(row * m, (row + 1) * m).filter((value) => value === 0).length - 1;
  });
  return (i, j) => (evidence[i * m + j] > 0 ? alone[i] + alone[j] : -1);
}

/** Pairs with least evidence; in sets of three, those that an earlier trial is tied to. */
function weakScore(evidence, m, maxItems) {
  const seen = Array.from({ length: m }, (_, row) => {
    return evidence.subarray(row * m, (row + 1) * m).some((value) => value > 0);
  });
  const free = maxItems > SMALLEST_SET;
  return (i, j) => (free || seen[i] || seen[j] ? -evidence[i * m + j] : -Infinity);
}

/** Add items to a pair while the efficiency of the set rises. */
function growSet(pair, prospect, maxItems, rng) {
  const growth = new Growth(pair, prospect);
  const most = Math.min(maxItems, prospect.m);
  while (growth.items.length < most) {
    const candidates = growth.candidates(most - growth.items.length);
    const found = candidates.map((item) => growth.total(item));
    const cost = (growth.items.length + 1) ** prospect.cost;
    const values = found.map(({ total }) => total / cost);
    const best = Math.max(...values);
    const enough = growth.items.length >= SMALLEST_SET && growth.linked;
    if (enough && best <= growth.efficiency * (1 + TIE)) break;
    const tied = [...values.keys()].filter((at) => values[at] >= best * (1 - TIE));
    const at = rng.choice(tied);
    growth.add(candidates[at], found[at]);
  }
  return growth.items;
}

/** A set that grows, with the sums that make its next step cheap. */
class Growth {
  constructor([i, j], prospect) {
    const pair = i * prospect.m + j;
    this.items = [i, j];
    this.pairs = [pair];
    this.prospect = prospect;
    this.largest = prospect.dissimilarities[pair];
    this.benefit = prospect.gain(pair, this.largest);
    this.linked = prospect.evidence[pair] > 0;
  }

  get efficiency() {
    return this.benefit / this.items.length ** this.prospect.cost;
  }

  /** Whether a pair was shown before. */
  #tied(i, j) {
    return this.prospect.evidence[i * this.prospect.m + j] > 0;
  }

  /** Items that may come next; with little room left, those that tie to earlier trials. */
  candidates(room) {
    const all = [...Array(this.prospect.m).keys()];
    const free = all.filter((item) => !this.items.includes(item));
    if (this.linked) return free;
    const ties = free.filter((item) => this.items.some((inside) => this.#tied(inside, item)));
    if (room === 1 || (this.items.length >= SMALLEST_SET && ties.length)) return ties;
    if (room === 2 && !ties.length) {
      return free.filter((item) => all.some((other) => this.#tied(other, item)));
    }
    return free;
  }

  /** Benefit of the set with a candidate, and the largest dissimilarity it then has. */
  total(candidate) {
    const { prospect } = this;
    const added = this.#pairsWith(candidate);
    let { largest } = this;
    for (const pair of added) largest = Math.max(largest, prospect.dissimilarities[pair]);
    let total = 0;
    for (const pair of added) total += prospect.gain(pair, largest);
    // Only where the scale changes do the pairs already in the set have to be predicted anew.
    const again = largest > this.largest ? this.pairs : [];
    for (const pair of again) total += prospect.gain(pair, largest);
    if (!again.length) total += this.benefit;
    return { total, largest };
  }

  #pairsWith(candidate) {
    return this.items.map((item) => item * this.prospect.m + candidate);
  }

  add(item, { total, largest }) {
    this.linked ||= this.items.some((inside) => this.#tied(inside, item));
    this.pairs.push(...this.#pairsWith(item));
    this.items.push(item);
    this.benefit = total;
    this.largest = largest;
  }
}
