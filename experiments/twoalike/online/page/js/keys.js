/** Names of keys as protocols write them, from the keyboard events of a browser. */

export const GO_ON = ["space", "return", "num_enter"];
const NAMES = { " ": "space", Enter: "return" };
/** Keys that protocols write as browsers name them, but small. */
const NAMED = /^(?:Arrow)?(Down|Left|Right|Up|Backspace|Delete|End|Escape|Home|Insert|PageDown|PageUp|Tab)$/;
const SIGN = /^(F\d{1,2}|[a-z0-9])$/i;
const PLACE = /^(?:Digit|Key)(\w)$/;
const NUMPAD = /^Numpad(\d|Add|Decimal|Divide|Enter|Multiply|Subtract)$/;
export const DIRECTIONS = { left: [-1, 0], right: [1, 0], up: [0, 1], down: [0, -1] };

/**
 * Name of the key that was pressed; null for one that protocols cannot name.
 *
 * Digits of the number pad are `num_1` and so on whether or not Num Lock is on; digits in the row
 * above the letters count by their place where the layout has other characters there, as on a
 * French keyboard.
 */
export function keyName({ key, code = "" }) {
  const pad = NUMPAD.exec(code);
  if (pad) return `num_${pad[1].toLowerCase()}`;
  if (key in NAMES) return NAMES[key];
  const named = NAMED.exec(key) ?? SIGN.exec(key) ?? PLACE.exec(code);
  return named ? named[1].toLowerCase() : null;
}

/**
 * Whether a key belongs to what has the focus: a field that is written in, or a button, link or
 * box that space or return operates.
 */
export function belongsToControl(name, target) {
  if (!target || typeof target.matches !== "function") return false;
  if (target.matches("textarea, select, [contenteditable]")) return true;
  if (target.matches("input") && target.type === "text") return true;
  if (target.matches("input[type=radio], input[type=range]") && name in DIRECTIONS) return true;
  return GO_ON.includes(name) && target.matches("button, a[href], summary, input");
}
