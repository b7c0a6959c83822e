/**
 * Rounding and distances to the last bit as Python has them.
 *
 * Which set comes next depends on comparisons of such numbers, and the page must choose as Python
 * would.
 */

/**
 * Number rounded to decimals as Python rounds: by its exact value, halves to the even neighbour.
 *
 * @param {number} value
 * @param {number} [decimals]
 * @returns {number} Never a negative zero.
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

/**
 * Length of a vector, corrected for what rounding its square loses (Borges, doi:10.1145/3428446);
 * `Math.hypot` differs between browsers.
 *
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function hypot(x, y) {
  const large = Math.max(Math.abs(x), Math.abs(y));
  const small = Math.min(Math.abs(x), Math.abs(y));
  if (small === 0) return large;
  const length = Math.sqrt(large * large + small * small);
  const [square, error] = squared(length);
  const [a, aError] = squared(large);
  const [b, bError] = squared(small);
  // What is left of the squares, the largest parts first, is exact up to its own rounding.
  const left = a - square + b - error + aError + bError;
  return length + left / (2 * length);
}

/** Square of a number as a sum of two numbers, by Dekker's splitting. */
function squared(value) {
  const wide = 134217729 * value;
  const high = wide - (wide - value);
  const low = value - high;
  const square = value * value;
  return [square, high * high - square + 2 * high * low + low * low];
}
