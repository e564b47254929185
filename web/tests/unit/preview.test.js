/** The mask of a click that is not made yet. */

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Preview } from "../../src/page/preview.js";

const REST = 80; // milliseconds, as in preview.js
const EMPTY = { clicks: [], start: null };
const CLICKED = { clicks: [{ x: 1, y: 1, label: 1 }], start: null };

let time, asked, work, preview, changes;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  [time, asked, changes] = [0, [], 0];
  work = { item: { ...EMPTY }, isIdle: true };
  const engine = {
    preview: (x, y) =>
      new Promise((resolve, reject) => asked.push({ at: [x, y], resolve, reject })),
  };
  preview = new Preview({
    work,
    segmenter: () => engine,
    changed: () => changes++,
    now: () => time,
  });
});

const soon = () => new Promise(setImmediate);

/** The engine answers what was asked last, after so many milliseconds. */
async function answer(mask, milliseconds = 20) {
  time += milliseconds;
  asked.at(-1).resolve(mask);
  await soon();
}

async function rest(x, y) {
  preview.point({ x, y });
  mock.timers.tick(REST);
  await soon();
}

test("a mouse that rests sees what its click would give, until it moves", async () => {
  preview.point({ x: 3, y: 4 });
  mock.timers.tick(REST - 1);
  preview.point({ x: 5, y: 4 });
  mock.timers.tick(REST - 1);
  assert.equal(asked.length, 0);
  mock.timers.tick(1);
  assert.deepEqual(asked[0].at, [5, 4]);
  const mask = Uint8Array.of(1, 0);
  await answer(mask);
  assert.equal(preview.mask, mask);
  assert.equal(changes, 1);
  preview.point({ x: 5, y: 4 });
  assert.equal(preview.mask, mask);
  preview.point(null);
  assert.equal(preview.mask, null);
  assert.equal(changes, 2);
});

test("one is asked for at a time, and one for a place that was left is not shown", async () => {
  await rest(1, 1);
  await rest(2, 2);
  assert.equal(asked.length, 1);
  await answer(Uint8Array.of(1));
  assert.equal(preview.mask, null);
  mock.timers.tick(REST);
  assert.deepEqual(asked[1].at, [2, 2]);
  await answer(Uint8Array.of(0));
  assert.deepEqual(preview.mask, Uint8Array.of(0));
});

test("an object that has clicks, or work that is under way, has none", async () => {
  work.item = { ...CLICKED };
  await rest(1, 1);
  work.item = null;
  await rest(2, 2);
  work.item = { ...EMPTY };
  work.isIdle = false;
  await rest(3, 3);
  assert.equal(asked.length, 0);
  work.isIdle = true;
  await rest(4, 4);
  work.item = { ...CLICKED }; // clicked meanwhile
  await answer(Uint8Array.of(1));
  assert.equal(preview.mask, null);
  assert.equal(changes, 0);
});

test("a preview goes with its object, and the click's own mask takes its place", async () => {
  await rest(1, 1);
  await answer(Uint8Array.of(1));
  assert.notEqual(preview.mask, null);
  const { item } = work;
  work.item = { ...EMPTY };
  assert.equal(preview.mask, null);
  work.item = item;
  Object.assign(item, CLICKED);
  assert.equal(preview.mask, null);
});

test("an engine that is twice slow, or fails, is asked no more", async () => {
  for (const x of [1, 2]) {
    await rest(x, 1);
    await answer(Uint8Array.of(1), 151);
  }
  await rest(3, 1);
  assert.equal(asked.length, 2);
});

test("what was overtaken counts neither as slow nor as quick", async () => {
  for (const x of [1, 2, 3]) {
    await rest(x, 1);
    await answer(null, 500);
    assert.equal(preview.mask, null);
  }
  assert.equal(asked.length, 3);
  asked.length = 0;
  await rest(4, 1);
  asked[0].reject(new Error("no"));
  await soon();
  await rest(5, 1);
  assert.equal(asked.length, 1);
});
