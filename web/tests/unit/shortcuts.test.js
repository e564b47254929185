/** Which key does what, on keyboards of several languages. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf } from "../../src/page/shortcuts.js";

const press = (key, code, modifiers = {}) => actionOf({ key, code, ...modifiers });
const ctrlKey = true;

test("letters are where they are printed", () => {
  assert.equal(press("n", "KeyN"), "next");
  assert.equal(press("N", "KeyN"), "next");
  assert.equal(press("m", "KeyM"), "candidate");
  assert.equal(press("z", "KeyZ", { ctrlKey }), "undo");
  assert.equal(press("Z", "KeyZ", { ctrlKey, shiftKey: true }), "redo");
  assert.equal(press("y", "KeyY", { ctrlKey }), "redo");
  // German: Z and Y have changed places.
  assert.equal(press("z", "KeyY", { ctrlKey }), "undo");
  assert.equal(press("y", "KeyZ", { ctrlKey }), "redo");
  assert.equal(press("z", "KeyZ", { metaKey: true }), "undo");
});

test("without Latin letters it is the place of the key", () => {
  assert.equal(press("я", "KeyZ", { ctrlKey }), "undo"); // Russian
  assert.equal(press("ν", "KeyN"), "next"); // Greek
  assert.equal(press("נ", "KeyB"), "brush"); // Hebrew
  assert.equal(press("ש", "KeyA"), undefined);
  assert.equal(press("à", "Digit0"), "fit"); // French: digits need Shift
  assert.equal(press("&", "Digit1"), "actualSize");
  assert.equal(press("0", "Numpad0"), "fit");
});

test("signs, and keys with names", () => {
  assert.equal(press("+", "BracketRight"), "zoomIn"); // German
  assert.equal(press("=", "Equal"), "zoomIn");
  assert.equal(press("-", "Slash"), "zoomOut");
  assert.equal(press("[", "BracketLeft"), "smaller");
  assert.equal(press("]", "BracketRight"), "larger");
  // Hungarian: letters that are not Latin ones where English has signs.
  assert.equal(press("ó", "Equal"), "zoomIn");
  assert.equal(press("ü", "Minus"), "zoomOut");
  assert.equal(press("ő", "BracketLeft"), "smaller");
  assert.equal(press("ú", "BracketRight"), "larger");
  assert.equal(press("Escape", "Escape"), "escape");
  assert.equal(press("PageDown", "PageDown"), "nextPhotograph");
  assert.equal(press("F5", "F5"), undefined);
  assert.equal(press("s", "KeyS", { ctrlKey }), undefined);
  assert.equal(press("Dead", "Quote"), undefined);
});
