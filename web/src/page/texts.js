/**
 * The page's texts in the language of the person. English texts stand where they are used, in
 * index.html and as `t("…")`; another language is a table from them to its own.
 */

import { GERMAN } from "./german.js";

const TABLES = { en: {}, de: GERMAN };
const KEY = "fctsfn-language";
const ATTRIBUTES = ["title", "aria-label", "placeholder", "alt", "content"];

/** The language in use: chosen on this page, else the first of the browser's that is known. */
export const language = chosen();

function chosen() {
  if (typeof document === "undefined") return "en";
  const wanted = [new URLSearchParams(location.search).get("lang"), stored()];
  const all = [...wanted, ...navigator.languages].filter(Boolean).map((one) => one.slice(0, 2));
  return all.find((one) => one in TABLES) ?? "en";
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // the browser keeps nothing
  }
}

/** Use another language from now on: the page is loaded again. */
export function chooseLanguage(name) {
  try {
    localStorage.setItem(KEY, name);
  } finally {
    const url = new URL(location.href);
    url.searchParams.delete("lang");
    location.replace(url);
  }
}

/**
 * A text in the language in use.
 *
 * @param {string} text English, with `{name}` where a value goes
 * @param {Record<string, string | number>} values
 */
export function t(text, values = {}) {
  const own = TABLES[language][text] ?? text;
  return own.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A number as the language writes it. @param {number} digits behind the point */
export function number(value, digits = 0) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(language, options);
}

/** Put all that stands in the page into the language in use. @param {Document} page */
export function translate(page) {
  page.documentElement.lang = language;
  if (language === "en") return;
  const walker = page.createTreeWalker(page.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { currentNode: node } = walker;
    const text = plain(node.data);
    if (text !== "" && text in TABLES[language]) {
      const [before, after] = [/^\s*/.exec(node.data)[0], /\s*$/.exec(node.data)[0]];
      node.data = `${before && " "}${t(text)}${after && " "}`;
    }
  }
  for (const name of ATTRIBUTES) {
    for (const element of page.querySelectorAll(`[${name}]`)) {
      const text = plain(element.getAttribute(name));
      if (text in TABLES[language]) element.setAttribute(name, t(text));
    }
  }
}

/** A text of the source without its line breaks. */
function plain(text) {
  return text.replace(/\s+/g, " ").trim();
}
