/**
 * A person's work as one file: a ZIP with `project.json` and the photographs as they were opened.
 * What comes from a file is checked before it is taken.
 *
 * @typedef {import("./storage.js").Work} Work
 */

import { InputError } from "../engine/segmenter.js";
import { candidateOf, MAX_ITEMS, sameMask, withCandidate } from "./document.js";
import { areaOfRuns } from "./runs.js";
import { unzipped, zipped } from "./zip.js";

const FORMAT = "fctsfn project";
const VERSION = 1;
const INDEX = "project.json";
const MAX_NAME = 1000;

/**
 * @param {Work} work
 * @param {string} preset name of the network that made the masks
 * @returns {Promise<Blob>}
 */
export async function packed({ document, photographs, starts, answers }, preset) {
  const files = document.photographs.map(({ name }, i) => `photographs/${i + 1}-${plain(name)}`);
  const objectOf = (item) => {
    const { name, threshold, start, clicks, id } = item;
    const answer = answers.get(id);
    // A mask of an older state is left out; whoever opens the file computes the newer one.
    const isCurrent = answer !== undefined && !answer.isGlance && sameMask(answer, item);
    const mask = isCurrent ? [...answer.runs] : null;
    return { name, threshold, start: start && [...starts.get(start)], clicks, mask };
  };
  const content = {
    format: FORMAT,
    version: VERSION,
    preset,
    current: document.photographs.findIndex(({ id }) => id === document.current),
    photographs: document.photographs.map(({ name, size, items, present }, i) => ({
      file: files[i],
      name,
      size,
      present: items.findIndex(({ id }) => id === present),
      objects: items.map(objectOf),
    })),
  };
  const parts = new Map([[INDEX, new Blob([JSON.stringify(content)])]]);
  document.photographs.forEach(({ id }, i) => parts.set(files[i], photographs.get(id)));
  return zipped(parts);
}

/**
 * @param {Blob} file that `packed` wrote
 * @param {() => string} newId ids are given anew, so that a file can be opened twice
 * @returns {Promise<Work & {preset: string}>}
 * @throws {InputError} where the file is no project, of a newer version, or broken
 */
export async function unpacked(file, newId) {
  const parts = await unzipped(file);
  if (!parts.has(INDEX)) {
    throw new InputError(
      `A project is a ZIP file with ${INDEX}, as “Save the project” writes it. This one has none.`,
    );
  }
  const content = await jsonOf(parts.get(INDEX));
  check(content?.format === FORMAT, "it is a project of another program");
  if (content.version !== VERSION) {
    throw new InputError(
      `This project is of version ${String(content.version).slice(0, 20)}; this page reads ` +
        `version ${VERSION}. Load the page again to get its newest version.`,
    );
  }
  check(Array.isArray(content.photographs) && content.photographs.length > 0, "no photographs");
  const work = { photographs: new Map(), starts: new Map(), answers: new Map() };
  const photographs = content.photographs.map((one) => photographOf(one, parts, work, newId));
  const current = (photographs[content.current] ?? photographs[0]).id;
  const preset = typeof content.preset === "string" ? content.preset : "";
  return { document: { photographs, current }, ...work, preset };
}

function photographOf({ file, name, size, present, objects }, parts, work, newId) {
  check(typeof name === "string" && name.length <= MAX_NAME, "a photograph has no name");
  check(parts.has(file), `the photograph “${String(file).slice(0, 80)}” is missing`);
  check(size === null || (isCount(size?.width) && isCount(size?.height)), "a size is wrong");
  check(
    Array.isArray(objects) && objects.length > 0 && objects.length <= MAX_ITEMS,
    "its objects are missing",
  );
  const id = newId();
  work.photographs.set(id, parts.get(file));
  const items = objects.map((object) => itemOf(object, size, work, newId));
  return {
    id,
    name,
    size: size && { width: size.width, height: size.height },
    items,
    present: (items[present] ?? items[0]).id,
  };
}

function itemOf({ name, threshold, start, clicks, mask }, size, work, newId) {
  check(typeof name === "string" && name.length <= MAX_NAME, "an object has no name");
  check(threshold >= 0 && threshold <= 0.999, "a threshold is wrong");
  check(Array.isArray(clicks), "clicks are missing");
  for (const click of clicks) checkClick(click, size);
  const isStarted = start !== null || clicks.length === 0 || clicks[0].label === 1;
  check(isStarted, "a first click is not on its object");
  const item = { id: newId(), name, start: start && newId(), threshold };
  item.clicks = clicks.map((click, i) => withCandidate(click, i === 0 ? candidateOf(click) : 0));
  if (start !== null) work.starts.set(item.start, runsFrom(start, size));
  if (mask !== null) {
    const runs = runsFrom(mask, size);
    const state = { start: item.start, clicks: item.clicks, threshold };
    work.answers.set(item.id, { ...state, runs, area: areaOfRuns(runs), isGlance: false });
  }
  return item;
}

function checkClick(click, size) {
  const { x, y, label } = click ?? {};
  const isInside = size !== null && x >= 0 && y >= 0 && x < size.width && y < size.height;
  check(isInside && Number.isInteger(x) && Number.isInteger(y), "a click is outside");
  check(label === 0 || label === 1, "a click has no label");
  const candidate = candidateOf(click);
  check(Number.isInteger(candidate) && candidate >= 0, "a click means no mask");
}

function runsFrom(runs, size) {
  check(
    Array.isArray(runs) && runs.every((run) => Number.isInteger(run) && run >= 0),
    "a mask is broken",
  );
  const sum = runs.reduce((total, run) => total + run, 0);
  check(size !== null && sum === size.width * size.height, "a mask has another size");
  return Uint32Array.from(runs);
}

async function jsonOf(blob) {
  try {
    return JSON.parse(await blob.text());
  } catch {
    throw new InputError(`${INDEX} of this project is not JSON. Copy the file again.`);
  }
}

function check(isRight, what) {
  if (isRight) return;
  throw new InputError(`This project file is broken: ${what}. Take another copy of it.`);
}

function isCount(value) {
  return Number.isInteger(value) && value > 0;
}

/** A file name that every system takes. */
function plain(name) {
  return name.replace(/[^\p{L}\p{N}. _-]+/gu, "_").slice(-80);
}
