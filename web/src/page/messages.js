/** What the page says: errors stay until they are closed, hints go by themselves; what is busy. */

import { t } from "./texts.js";

// Errors whose message says all that a person needs.
const FOR_PEOPLE = new Set(["InputError", "LoadError"]);
const HINT_TIME = 6000; // milliseconds
// What takes less is not announced, so that nothing flickers; in milliseconds.
const BUSY_DELAY = 250;

const element = (id) => document.getElementById(id);
let timer = 0;
let busyTimer = 0;

/** @param {Error} error @param {{label: string, run: () => void} | null} remedy to be offered */
export function showError(error, remedy = null) {
  const isForPeople = FOR_PEOPLE.has(error.name);
  if (!isForPeople) console.error(error);
  const text = t(error.message);
  show(isForPeople ? text : t("Something went wrong: {text}", { text }), "error");
  const button = element("message-action");
  button.hidden = remedy === null;
  if (remedy === null) return;
  button.textContent = remedy.label;
  button.onclick = () => {
    hideMessage();
    remedy.run();
  };
}

export function showHint(text) {
  show(text, "hint");
  timer = setTimeout(hideMessage, HINT_TIME);
}

function show(text, kind) {
  clearTimeout(timer);
  const box = element("message");
  element("message-text").textContent = text;
  element("message-action").hidden = true;
  box.dataset.kind = kind;
  // An error interrupts whoever listens to the page, a hint waits.
  box.setAttribute("role", kind === "error" ? "alert" : "status");
  box.hidden = false;
}

/** @returns {boolean} whether there was one */
export function hideMessage() {
  clearTimeout(timer);
  const box = element("message");
  const isShown = !box.hidden;
  if (box.contains(document.activeElement)) element("stage").focus();
  box.hidden = true;
  return isShown;
}

/** @param {string | null} text null: nothing is busy @param {number} [fraction] that is done */
export function showBusy(text, fraction) {
  const box = element("busy");
  clearTimeout(busyTimer);
  if (text === null) {
    box.hidden = true;
    return;
  }
  const progress = element("busy-progress");
  if (fraction === undefined) progress.removeAttribute("value");
  else progress.value = fraction;
  const appear = () => {
    element("busy-text").textContent = text;
    box.hidden = false;
  };
  if (box.hidden && fraction === undefined) busyTimer = setTimeout(appear, BUSY_DELAY);
  else appear();
}
