/** The masks of the objects that are not being clicked, as one map for the canvas. */

import { paintRuns } from "./runs.js";

let latest = { runs: [], map: null };

/**
 * @param {import("./document.js").Item[]} items
 * @param {import("./document.js").Item} present
 * @param {{width: number, height: number}} size
 * @param {(item: object) => import("./computing.js").Answer | null} answerOf
 * @returns {Uint8Array | null} i + 1 on object i; the same one where nothing has changed
 */
export function othersOf(items, present, { width, height }, answerOf) {
  const runs = items.map((item) => (item === present ? null : (answerOf(item)?.runs ?? null)));
  const isSame =
    runs.length === latest.runs.length && runs.every((one, i) => one === latest.runs[i]);
  if (isSame && (latest.map === null || latest.map.length === width * height)) return latest.map;
  const isNone = runs.every((one) => one === null);
  const map = isNone ? null : new Uint8Array(width * height);
  runs.forEach((one, i) => one && paintRuns(map, one, i + 1));
  latest = { runs, map };
  return map;
}
