/** The keyboard: which key does what, and the list of them on the screen. */

import { t } from "./texts.js";

/** Pointer gestures and keys as they are listed; `keys` in several ways to press the same. */
export const LISTED = [
  [["Click"], "add to the object"],
  [["Right click"], "subtract from it"],
  [["Click a mark"], "remove that click"],
  [["Wheel", "Pinch"], "zoom"],
  [["Drag"], "move around"],
  [["Alt click"], "choose the object under the pointer"],
  [["D"], "draw a box around an object"],
  [["B"], "brush; [ and ] for its size"],
  [["X"], "add ⇄ subtract"],
  [["Ctrl Z"], "undo"],
  [["Ctrl Y"], "redo"],
  [["R"], "remove all clicks"],
  [["M"], "another mask of the first click"],
  [["N"], "next object"],
  [["P"], "show the probability"],
  [["+", "−", "0", "1"], "zoom in, out, all, 100 %"],
  [["S"], "save the mask"],
  [["O"], "open a photograph"],
  [["Arrows", "Enter"], "click without a mouse"],
  [["Page ↑", "Page ↓"], "other photographs"],
  [["Esc"], "close a message"],
];
const PLAIN = {
  x: "swap",
  b: "brush",
  d: "box",
  "[": "smaller",
  "]": "larger",
  r: "reset",
  m: "candidate",
  n: "next",
  p: "probability",
  s: "save",
  o: "open",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  0: "fit",
  1: "actualSize",
  escape: "escape",
  pageup: "previousPhotograph",
  pagedown: "nextPhotograph",
};
// Keys by their place, as a keyboard with English letters has them.
const PLACES = {
  Equal: "+",
  Minus: "-",
  BracketLeft: "[",
  BracketRight: "]",
};

/** Fill a <dl> with all shortcuts. */
export function listShortcuts(list) {
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  for (const [keys, meaning] of LISTED) {
    const term = document.createElement("dt");
    keys.forEach((key, i) => {
      if (i > 0) term.append(" ");
      const element = document.createElement("kbd");
      element.textContent = isMac ? t(key).replace(/Ctrl|Strg/, "⌘") : t(key);
      term.append(element);
    });
    const description = document.createElement("dd");
    description.textContent = t(meaning);
    list.append(term, description);
  }
}

/**
 * Call the action of a pressed key.
 *
 * @param {Record<string, () => void>} actions by name, of all names in PLAIN, and undo and redo
 */
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey) return;
    const name = actionOf(event);
    if (name === undefined || (isTyping(event.target) && name !== "escape")) return;
    event.preventDefault();
    actions[name]();
  });
}

/** @param {KeyboardEvent} event @returns {string | undefined} name of an action */
export function actionOf(event) {
  const key = letterOf(event);
  if (!event.ctrlKey && !event.metaKey) return PLAIN[key];
  if (key === "z") return event.shiftKey ? "redo" : "undo";
  if (key === "y") return "redo";
  return undefined;
}

/**
 * The sign of a key as it is listed. A Latin letter is taken as it is printed on the key, so that a
 * German's Ctrl+Z is where the Z is. Where there is none (Russian, Greek, …) or a digit needs Shift
 * (French), it is what the place of the key has in English.
 */
function letterOf({ key, code = "" }) {
  const sign = key.toLowerCase();
  if (/^[a-z0-9+=[\]-]$/.test(sign) || sign.length > 1) return sign;
  const [, place] = /^(?:Key|Digit|Numpad)([A-Z0-9])$/.exec(code) ?? [];
  return place?.toLowerCase() ?? PLACES[code] ?? sign;
}

function isTyping(element) {
  return element instanceof HTMLInputElement && element.type === "text";
}
