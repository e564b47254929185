/**
 * Undo and redo over every action: the documents before and after the present one. They share what
 * is the same in them, so a step costs little.
 *
 * @typedef {import("./document.js").Document} Document
 * @typedef {import("./document.js").Action} Action
 *
 * @typedef {object} History
 * @property {Document[]} past oldest first
 * @property {Document} document
 * @property {Document[]} future the next one last
 * @property {string | null} merging what the latest step changed, where such steps are made one
 */

import { applied } from "./document.js";

// Steps that can be undone.
const MAX_STEPS = 1000;
// Where a person looks is no step, and neither is what the page finds out by itself.
const NO_STEPS = new Set(["show", "select", "measure"]);
// What is typed or dragged comes in many small changes, which are one step.
const MERGED = new Set(["rename", "setThreshold"]);

/** @param {Document} document @returns {History} */
export function newHistory(document) {
  return { past: [], document, future: [], merging: null };
}

/** @param {History} history @param {Action} action @returns {History} */
export function done(history, action) {
  const document = applied(history.document, action);
  if (document === history.document) return history;
  // What is measured holds for every step before, too, but is found out again after an undo.
  if (NO_STEPS.has(action.type)) return { ...history, document, merging: null };
  const merging = MERGED.has(action.type) ? `${action.type} ${action.item}` : null;
  if (merging !== null && merging === history.merging) return { ...history, document, future: [] };
  const past = [...history.past, history.document].slice(-MAX_STEPS);
  return { past, document, future: [], merging };
}

/** Before the latest step. @param {History} history @returns {History} */
export function undone(history) {
  if (history.past.length === 0) return history;
  return {
    past: history.past.slice(0, -1),
    document: history.past.at(-1),
    future: [...history.future, history.document],
    merging: null,
  };
}

/** After the step that was undone last. @param {History} history @returns {History} */
export function redone(history) {
  if (history.future.length === 0) return history;
  return {
    past: [...history.past, history.document],
    document: history.future.at(-1),
    future: history.future.slice(0, -1),
    merging: null,
  };
}

/** Without a photograph that turned out to be none. @param {History} history @returns {History} */
export function forgotten(history, photograph) {
  const without = (document) => applied(document, { type: "close", photograph });
  return {
    past: history.past.map(without),
    document: without(history.document),
    future: history.future.map(without),
    merging: null,
  };
}
