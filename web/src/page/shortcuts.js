/** The keyboard: which key does what, and the list of them on the screen. */

/** Pointer gestures and keys as they are listed; `keys` in several ways to press the same. */
const LISTED = [
  [["Click"], "add to the object"],
  [["Right click"], "subtract from it"],
  [["Click a mark"], "remove that click"],
  [["Wheel", "Pinch"], "zoom"],
  [["Drag"], "move around"],
  [["X"], "add ⇄ subtract"],
  [["Ctrl Z"], "undo"],
  [["Ctrl Y"], "redo"],
  [["R"], "remove all clicks"],
  [["N"], "next object"],
  [["P"], "show the probability"],
  [["+", "−", "0"], "zoom in, out, all"],
  [["S"], "save the mask"],
  [["O"], "open a photograph"],
  [["Arrows", "Enter"], "click without a mouse"],
];

/** Fill a <dl> with all shortcuts. */
export function listShortcuts(list) {
  const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
  for (const [keys, meaning] of LISTED) {
    const term = document.createElement("dt");
    keys.forEach((key, i) => {
      if (i > 0) term.append(" ");
      const element = document.createElement("kbd");
      element.textContent = isMac ? key.replace("Ctrl", "⌘") : key;
      term.append(element);
    });
    const description = document.createElement("dd");
    description.textContent = meaning;
    list.append(term, description);
  }
}

/**
 * Call the action of a pressed key.
 *
 * @param {Record<string, () => void>} actions by name: undo, redo, swap, reset, next, probability,
 *   zoomIn, zoomOut, fit, save, open
 */
export function listenToKeys(actions) {
  const plain = {
    x: "swap",
    r: "reset",
    n: "next",
    p: "probability",
    s: "save",
    o: "open",
    "+": "zoomIn",
    "=": "zoomIn",
    "-": "zoomOut",
    0: "fit",
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || isTyping(event.target)) return;
    const key = event.key.toLowerCase();
    let name;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") name = event.shiftKey ? "redo" : "undo";
      else if (key === "y") name = "redo";
    } else {
      name = plain[key];
    }
    if (name === undefined) return;
    event.preventDefault();
    actions[name]();
  });
}

function isTyping(element) {
  return element instanceof HTMLInputElement && element.type === "text";
}
