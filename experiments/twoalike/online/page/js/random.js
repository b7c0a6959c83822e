/**
 * Numpy's random numbers: the page draws the sets and seats that Python would draw.
 *
 * `defaultRng(words)` is `numpy.random.default_rng(words)`, bit for bit: SeedSequence and PCG64
 * (O'Neill, 2014; XSL-RR output), bounded integers by Lemire's method (doi:10.1145/3230636), and
 * of Generator the methods that arrangements use.
 */

const MASK_32 = 0xffffffffn;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const POOL_SIZE = 4;

/** Product of two unsigned 32-bit numbers, modulo 2^32. */
const times = (a, b) => Math.imul(a, b) >>> 0;

/** Hash of SeedSequence whose constant changes with each word. */
function hasher(constant, multiplier) {
  return (word) => {
    const mixed = (word ^ constant) >>> 0;
    constant = times(constant, multiplier);
    const value = times(mixed, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
}

function mix(x, y) {
  const value = (times(x, 0xca01f9dd) - times(y, 0x4973f715)) >>> 0;
  return (value ^ (value >>> 16)) >>> 0;
}

/** 32-bit words of an integer >= 0, the lowest first; at least one. */
function words32(value) {
  const words = [];
  let rest = BigInt(value);
  do {
    words.push(Number(rest & MASK_32));
    rest >>= 32n;
  } while (rest > 0n);
  return words;
}

/** The four 64-bit words that numpy's SeedSequence makes of entropy, for PCG64. */
function seedState(words) {
  const entropy = words.flatMap(words32);
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = Array.from({ length: POOL_SIZE }, (_, at) => hash(entropy[at] ?? 0));
  for (let from = 0; from < POOL_SIZE; from++) {
    for (let to = 0; to < POOL_SIZE; to++) {
      if (from !== to) pool[to] = mix(pool[to], hash(pool[from]));
    }
  }
  for (const word of entropy.slice(POOL_SIZE)) {
    for (let to = 0; to < POOL_SIZE; to++) pool[to] = mix(pool[to], hash(word));
  }
  const draw = hasher(0x8b51f9dd, 0x58f38ded);
  const state = Array.from({ length: 8 }, (_, at) => BigInt(draw(pool[at % POOL_SIZE])));
  return [0, 2, 4, 6].map((at) => state[at] | (state[at + 1] << 32n));
}

/** Random numbers as numpy's Generator on PCG64 gives them. */
export class Generator {
  #state = 0n;
  #increment;
  /** Upper half of the last 64 bits, which the next 32-bit number takes; null if it was taken. */
  #half = null;

  /** @param {Array<number|bigint|string>} words Integers >= 0; strings are decimal digits. */
  constructor(words) {
    const [high, low, incrementHigh, incrementLow] = seedState(words);
    this.#increment = ((((incrementHigh << 64n) | incrementLow) << 1n) | 1n) & MASK_128;
    this.#step();
    this.#state = (this.#state + ((high << 64n) | low)) & MASK_128;
    this.#step();
  }

  #step() {
    this.#state = (this.#state * MULTIPLIER + this.#increment) & MASK_128;
  }

  /** 64 random bits. */
  #next64() {
    this.#step();
    const value = (this.#state >> 64n) ^ (this.#state & MASK_64);
    const turn = this.#state >> 122n;
    return ((value >> turn) | (value << (64n - turn))) & MASK_64;
  }

  /** 32 random bits: the lower half of 64, then the upper. */
  #next32() {
    if (this.#half !== null) {
      const half = this.#half;
      this.#half = null;
      return half;
    }
    const bits = this.#next64();
    this.#half = bits >> 32n;
    return bits & MASK_32;
  }

  /** Integer from 0 to `largest`, which is below 2^32 - 1; nothing is drawn where it is 0. */
  #bounded(largest) {
    if (largest === 0) return 0;
    const n = BigInt(largest) + 1n;
    let product = this.#next32() * n;
    if ((product & MASK_32) < n) {
      const threshold = (MASK_32 - BigInt(largest)) % n;
      while ((product & MASK_32) < threshold) product = this.#next32() * n;
    }
    return Number(product >> 32n);
  }

  /** The same by rejection, which is how numpy shuffles arrays. */
  #interval(largest) {
    const mask = 2 ** (32 - Math.clz32(largest)) - 1;
    let value;
    do value = (Number(this.#next32()) & mask) >>> 0;
    while (value > largest);
    return value;
  }

  /** Number from 0 (included) to 1 (excluded). */
  random() {
    return Number(this.#next64() >> 11n) / 9007199254740992;
  }

  /** Number from `low` to `high`. */
  uniform(low, high) {
    return low + (high - low) * this.random();
  }

  /** Integer from 0 to `n` - 1. */
  integer(n) {
    return this.#bounded(n - 1);
  }

  /** One of the values. */
  choice(values) {
    return values[this.integer(values.length)];
  }

  /** `size` different integers from 0 to `n` - 1 < 10,000, in random order (Floyd's method). */
  sample(n, size) {
    const drawn = [];
    const seen = new Set();
    for (let last = n - size; last < n; last++) {
      const value = this.#bounded(last);
      drawn.push(seen.has(value) ? last : value);
      seen.add(drawn.at(-1));
    }
    return shuffled(drawn, (largest) => this.#bounded(largest));
  }

  /** The values in random order; of an integer n, those from 0 to n - 1. */
  permutation(values) {
    const copy = typeof values === "number" ? [...Array(values).keys()] : [...values];
    return shuffled(copy, (largest) => this.#interval(largest));
  }
}

function shuffled(values, draw) {
  for (let last = values.length - 1; last > 0; last--) {
    const at = draw(last);
    [values[last], values[at]] = [values[at], values[last]];
  }
  return values;
}

/** `numpy.random.default_rng(words)`. */
export function defaultRng(words) {
  return new Generator(words);
}
