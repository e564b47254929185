/** Every text of the page is there in every language, with the same values in it. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { GERMAN } from "../../src/page/german.js";
import { LISTED } from "../../src/page/shortcuts.js";

const PAGE = new URL("../../src/page/", import.meta.url);
// Names, units and signs that are the same in every language.
const SAME = /^([\W\d]*|[xrnpsodbm]|svg|png|coco|labelme|yolo|json|deutsch|english)$/i;

/** Texts and attributes of index.html that a person sees or hears. */
async function textsOfPage() {
  const html = (await readFile(new URL("index.html", PAGE), "utf8"))
    .replace(/<!doctype html>/i, "")
    .replace(/<(script|style)[\s\S]*?<\/\1>/g, "");
  const texts = [...html.matchAll(/>([^<]+)</g)].map(([, text]) => text);
  const names = /\s(?:title|aria-label|placeholder|alt)="([^"]*)"/g;
  const attributes = [...html.matchAll(names)].map(([, text]) => text);
  const description = /name="description"\s+content="([^"]*)"/.exec(html)[1];
  return [...texts, ...attributes, description].map((text) => text.replace(/\s+/g, " ").trim());
}

/** Texts in `t("…")`, which may be joined of several. */
async function textsOfCode() {
  const files = (await readdir(PAGE)).filter((name) => name.endsWith(".js"));
  const texts = [];
  for (const file of files) {
    const code = await readFile(new URL(file, PAGE), "utf8");
    for (const [, joined] of code.matchAll(/\bt\(\s*((?:"[^"]*"\s*\+?\s*)+)/g)) {
      texts.push([...joined.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join(""));
    }
  }
  return texts;
}

const listed = LISTED.flatMap(([keys, meaning]) => [...keys, meaning]);
const texts = new Set([...(await textsOfPage()), ...(await textsOfCode()), ...listed]);

test("the texts are found", () => {
  for (const text of [
    "Undo",
    "Close the message",
    "{count} clicks",
    "Segmenting…",
    "next object",
  ]) {
    assert.ok(texts.has(text), text);
  }
});

test("German has every text", () => {
  const missing = [...texts].filter((text) => !SAME.test(text) && !(text in GERMAN));
  assert.deepEqual(missing, []);
});

test("what German has beside them is said by the code", async () => {
  const source = new URL("../../src/", import.meta.url);
  const files = await readdir(source, { recursive: true });
  let code = "";
  for (const file of files.filter((name) => name.endsWith(".js") && !name.includes("german"))) {
    code += (await readFile(new URL(file, source), "utf8")).replace(/"\s*\+\s*"/g, "");
  }
  const unknown = Object.keys(GERMAN).filter((text) => !texts.has(text) && !code.includes(text));
  assert.deepEqual(unknown, []);
});

test("German has the same values in its texts, and nothing empty", () => {
  const values = (text) => [...text.matchAll(/\{\w+\}/g)].map(([value]) => value).sort();
  for (const [text, german] of Object.entries(GERMAN)) {
    assert.deepEqual(values(german), values(text), text);
    assert.ok(german.trim() !== "", text);
  }
});
