/** Names of keys as protocols write them, from the keyboard events of a browser. */

/** Keys that turn a page in every task. */
export const GO_ON = ["space", "return", "num_enter"];
const NAMES = {
  " ": "space",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  Backspace: "backspace",
  Delete: "delete",
  End: "end",
  Enter: "return",
  Escape: "escape",
  Home: "home",
  Insert: "insert",
  PageDown: "pagedown",
  PageUp: "pageup",
  Tab: "tab",
};
const NUMPAD = {
  NumpadAdd: "num_add",
  NumpadDecimal: "num_decimal",
  NumpadDivide: "num_divide",
  NumpadEnter: "num_enter",
  NumpadMultiply: "num_multiply",
  NumpadSubtract: "num_subtract",
};
const DIRECTIONS = { left: [-1, 0], right: [1, 0], up: [0, 1], down: [0, -1] };
const TEXT_INPUTS = new Set(["text", "number", "search", "tel", "email", "url", ""]);

/**
 * Name of the key that was pressed; null for one that protocols cannot name.
 *
 * Digits of the number pad are `num_1` and so on whether or not Num Lock is on; digits in the row
 * above the letters count by their place where the layout has other characters there, as on a
 * French keyboard.
 */
export function keyName({ key, code = "" }) {
  const pad = /^Numpad(\d)$/.exec(code);
  if (pad) return `num_${pad[1]}`;
  if (code in NUMPAD) return NUMPAD[code];
  if (key in NAMES) return NAMES[key];
  if (/^F\d{1,2}$/.test(key)) return key.toLowerCase();
  if (/^[a-z0-9]$/i.test(key)) return key.toLowerCase();
  const digit = /^Digit(\d)$/.exec(code);
  if (digit) return digit[1];
  const letter = /^Key([A-Z])$/.exec(code);
  return letter ? letter[1].toLowerCase() : null;
}

/** Direction of an arrow key, y up; null for other keys. */
export function direction(name) {
  return DIRECTIONS[name] ?? null;
}

/**
 * Whether a key belongs to what has the focus: a field that is written in, or a button, link or
 * box that space or return operates.
 */
export function belongsToControl(name, target) {
  if (!target || typeof target.matches !== "function") return false;
  if (target.matches("textarea, select, [contenteditable]")) return true;
  if (target.matches("input") && TEXT_INPUTS.has(target.type ?? "")) return true;
  if (target.matches("input[type=radio], input[type=range]") && direction(name)) return true;
  const operated = name === "space" || name === "return" || name === "num_enter";
  return operated && target.matches("button, a[href], summary, input");
}
