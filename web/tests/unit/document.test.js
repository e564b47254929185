/**
 * What a person does, in whatever order and at whatever speed of the network, against a plain
 * reference: lists that are copied as a whole.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as documents from "../../src/page/document.js";
import { done, forgotten, newHistory, redone, undone } from "../../src/page/history.js";
import { maskOfRuns, runsOf } from "../../src/page/runs.js";
import { Work } from "../../src/page/work.js";
import { FakeEngine, maskFor, SIZE } from "./fakeEngine.js";

/** Numbers in [0, 1) from a seed (mulberry32). */
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A page without a page: the work on a fake engine. */
class Page {
  errors = [];
  lastId = 0;
  current = new Set(); // objects whose mask was there with this document
  checked = null; // that document

  constructor(failure) {
    this.engine = new FakeEngine(failure);
    const on = {
      shown: () => {},
      changed: () => this.check(),
      failed: (error) => this.errors.push(error.message),
    };
    this.work = new Work(on, () => this.id());
    this.work.start(this.engine);
  }

  id() {
    return `${++this.lastId}`;
  }

  get document() {
    return this.work.document;
  }

  act(action) {
    this.work.act(action);
  }

  open(isBroken = false) {
    // Its mask tells photographs apart by this.
    const number = this.lastId;
    this.work.open([{ name: `${number}`, blob: { id: `${number}`, isBroken } }]);
  }

  async settle() {
    let i = 0;
    do {
      assert.ok(i++ < 2000, `it never ends: ${this.engine.calls.slice(-20)}`);
      await this.engine.advance();
    } while (this.engine.isBusy);
  }

  startText(start) {
    if (start === null) return null;
    const mask = maskOfRuns(this.work.kept.starts.get(start), SIZE.width * SIZE.height);
    return mask.join("");
  }

  /** The mask that an object must have in the end. */
  expected({ name }, { start, clicks, threshold }) {
    // The fake engine has two masks beside its best.
    const known = clicks.map((click) => (click.candidate > 2 ? { ...click, candidate: 0 } : click));
    return maskFor(name, this.startText(start), known, threshold);
  }

  /**
   * What holds at every moment: a mask that is called current is that of the newest state, and stays
   * until somebody acts.
   */
  check() {
    const { photograph } = this.work;
    if (this.checked !== this.document) this.current.clear();
    this.checked = this.document;
    for (const item of photograph?.items ?? []) {
      const isCurrent = this.work.isCurrent(item);
      assert.ok(isCurrent || !this.current.has(item), "its mask was there before");
      if (isCurrent) this.current.add(item);
      const mask = this.work.maskOf(item);
      if (documents.isEmpty(item)) assert.equal(mask, null);
      else if (this.work.isCurrent(item)) {
        assert.equal(`${mask}`, `${this.expected(photograph, item)}`);
      }
    }
  }
}

/** The plain reference: everything is copied, and nothing is clever. */
class Reference {
  state = { photographs: [], current: null };
  past = [];
  future = [];
  merging = null;

  get photograph() {
    return this.state.photographs.find(({ id }) => id === this.state.current);
  }

  get item() {
    return this.photograph?.items.find(({ id }) => id === this.photograph.present);
  }

  step(change, merging = null) {
    const before = structuredClone(this.state);
    change();
    if (JSON.stringify(before) === JSON.stringify(this.state)) return;
    if (merging === null || merging !== this.merging) this.past.push(before);
    this.future = [];
    this.merging = merging;
  }

  look(change) {
    const before = JSON.stringify(this.state);
    change();
    if (before !== JSON.stringify(this.state)) this.merging = null;
  }

  undo() {
    if (this.past.length === 0) return;
    this.future.push(this.state);
    this.state = this.past.pop();
    this.merging = null;
  }

  redo() {
    if (this.future.length === 0) return;
    this.past.push(this.state);
    this.state = this.future.pop();
    this.merging = null;
  }
}

/** One random thing that a person does, on the page and on the reference. */
function doSomething(page, reference, next) {
  const pick = (list) => list[Math.floor(next() * list.length)];
  // Few places, so that what was undone is clicked again.
  const at = () => ({ x: Math.floor(next() * 2), y: Math.floor(next() * SIZE.height) });
  const { photograph, item } = reference;
  const things = {
    click() {
      const click = { ...at(), label: next() < 0.7 ? 1 : 0 };
      const isFirst = item.start === null && item.clicks.length === 0;
      const act = () => page.act({ type: "click", photograph: photograph.id, ...click });
      if (isFirst && click.label === 0) assert.throws(act, /first click must be on the object/);
      else act();
      if (!isFirst || click.label === 1) reference.step(() => item.clicks.push(click));
    },
    removeClick() {
      if (item.clicks.length === 0) return;
      const index = Math.floor(next() * item.clicks.length);
      page.act({ type: "removeClick", item: item.id, index });
      reference.step(() => {
        item.clicks.splice(index, 1);
        if (item.start !== null) return;
        const first = item.clicks.findIndex(({ label }) => label === 1);
        item.clicks = first < 0 ? [] : [...item.clicks.splice(first, 1), ...item.clicks];
      });
    },
    undo() {
      page.work.undo();
      reference.undo();
    },
    redo() {
      page.work.redo();
      reference.redo();
    },
    choose() {
      const candidate = Math.floor(next() * 3);
      page.act({ type: "choose", item: item.id, candidate });
      if (item.start !== null || item.clicks.length !== 1) return;
      const { x, y, label } = item.clicks[0];
      const clicks = [candidate === 0 ? { x, y, label } : { x, y, label, candidate }];
      reference.step(() => Object.assign(item, { clicks }));
    },
    reset() {
      page.act({ type: "reset" });
      reference.step(() => (item.clicks = []));
    },
    startFrom() {
      const mask = next() < 0.3 ? null : maskFor("start", `${next()}`, [], 0);
      page.work.startFrom(mask);
      const start = mask && `${page.lastId}`;
      reference.step(() => Object.assign(item, { start, clicks: [] }));
    },
    setThreshold() {
      const threshold = pick([0.3, 0.5, 0.7]);
      page.act({ type: "setThreshold", item: item.id, threshold });
      reference.step(() => (item.threshold = threshold), `threshold ${item.id}`);
    },
    rename() {
      const name = pick(["", "cat", "dog"]);
      page.act({ type: "rename", item: item.id, name });
      reference.step(() => (item.name = name), `name ${item.id}`);
    },
    nextItem() {
      page.work.nextItem();
      const id = `${page.lastId}`;
      if (item.start === null && item.clicks.length === 0) return;
      const { threshold } = item;
      reference.step(() => {
        photograph.items.push({ id, name: "", start: null, clicks: [], threshold });
        photograph.present = id;
      });
    },
    select() {
      const { id } = pick(photograph.items);
      page.act({ type: "select", item: id });
      reference.look(() => (photograph.present = id));
    },
    removeItem() {
      const { id: gone, threshold } = pick(photograph.items);
      page.work.removeItem(gone);
      const id = `${page.lastId}`;
      reference.step(() => {
        const { items } = photograph;
        const index = items.findIndex((one) => one.id === gone);
        items.splice(index, 1);
        if (items.length === 0) items.push({ id, name: "", start: null, clicks: [], threshold });
        if (photograph.present === gone) photograph.present = (items[index] ?? items.at(-1)).id;
      });
    },
    show() {
      const { id } = pick(reference.state.photographs);
      page.act({ type: "show", photograph: id });
      reference.look(() => (reference.state.current = id));
    },
    close() {
      if (next() < 0.7) return;
      page.act({ type: "close", photograph: photograph.id });
      reference.step(() => {
        const { photographs } = reference.state;
        const index = photographs.indexOf(photograph);
        photographs.splice(index, 1);
        reference.state.current = (photographs[index] ?? photographs.at(-1))?.id ?? null;
      });
    },
    gone() {
      // What refers to something that is gone does nothing.
      page.act({ type: "click", photograph: "gone", x: 0, y: 0, label: 1 });
      page.act({ type: "select", item: "gone" });
      page.act({ type: "removeItem", item: "gone", id: page.id() });
      page.act({ type: "show", photograph: "gone" });
      page.act({ type: "close", photograph: "gone" });
    },
  };
  const names = Object.keys(things);
  const always = ["undo", "redo"];
  const likely = next() < 0.5 ? pick(["click", "undo", "redo", "nextItem", "removeClick"]) : null;
  const name = likely ?? pick(names);
  if (photograph === undefined && !always.includes(name)) return;
  things[name]();
}

/** Quicker than `deepEqual`, which is asked only for what it says. */
function same(actual, expected, message) {
  const sorted = (key, value) =>
    Object(value) === value && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort())
      : value;
  if (JSON.stringify(actual, sorted) === JSON.stringify(expected, sorted)) return;
  assert.deepEqual(actual, expected, message);
}

/** Play a sequence; actions come while the engine is at work, and it is as quick as chance has it. */
async function play(seed, failure) {
  const next = random(seed);
  const page = new Page(failure && failure(next));
  const reference = new Reference();
  page.open(next() < 0.1);
  await page.settle();
  const patience = next();
  const length = 10 + Math.floor(next() * 40);
  for (let i = 0; i < length; i++) {
    takeOver(page, reference);
    if (next() < 0.03) page.open(next() < 0.1);
    else doSomething(page, reference, next);
    same(page.document, reference.state, `seed ${seed}, action ${i}`);
    while (page.engine.isBusy && next() < patience) {
      await page.engine.advance();
      takeOver(page, reference);
    }
  }
  await page.settle();
  takeOver(page, reference);
  assert.deepEqual(page.document, reference.state, `seed ${seed}, in the end`);
  return page;
}

/** A photograph comes in when it is decoded: the reference learns of it by the page's history. */
function takeOver(page, reference) {
  const isKnown = ({ id }) => reference.known?.has(id);
  reference.known ??= new Set();
  for (const photograph of page.document.photographs.filter((one) => !isKnown(one))) {
    reference.known.add(photograph.id);
    reference.step(() => {
      reference.state.photographs.push(structuredClone(photograph));
      reference.state.current = photograph.id;
    });
  }
}

function checkEnd(page, seed) {
  const photograph = documents.currentPhotograph(page.document);
  assert.ok(page.work.isIdle, `seed ${seed}`);
  if (photograph === null) return;
  assert.equal(page.work.photograph, photograph);
  for (const item of photograph.items) assert.ok(page.work.isCurrent(item), `seed ${seed}`);
  // The engine is where the person is, so that the next click is quick.
  const { objects, present, photograph: id } = page.engine.held;
  const { start, clicks } = documents.presentItem(page.document);
  assert.equal(id, photograph.name);
  const places = clicks.map(({ x, y, label }) => ({ x, y, label }));
  assert.deepEqual(objects[present].clicks, places, `seed ${seed}`);
  if (start === null && clicks.length > 0) {
    assert.equal(objects[present].meanings[0], clicks[0].candidate ?? 0, `seed ${seed}`);
  }
  assert.equal(objects[present].start, page.startText(start));
  assert.ok(objects.length <= photograph.items.length);
}

test("thousands of random sequences give what a plain reference gives", async () => {
  for (let seed = 0; seed < 1500; seed++) {
    const page = await play(seed);
    checkEnd(page, seed);
    const other = page.errors.filter((message) => message !== "no photograph");
    assert.deepEqual(other, [], `seed ${seed}`);
  }
});

test("where requests fail, nothing is lost, and the next try succeeds", async () => {
  for (let seed = 0; seed < 600; seed++) {
    let isFailing = true;
    const failure = (next) => () =>
      isFailing && next() < 0.15 ? (next() < 0.5 ? "before" : "after") : "no";
    const page = await play(seed, failure);
    // Nothing is asked of the engine that it refuses.
    for (const message of page.errors) {
      assert.match(message, /failed|^no photograph$|^no memory$/, `seed ${seed}`);
    }
    isFailing = false;
    const photograph = documents.currentPhotograph(page.document);
    if (photograph === null) continue;
    // A photograph that could not be read is tried again with the next action.
    page.act({ type: "rename", item: photograph.present, name: "again" });
    await page.settle();
    for (const { id } of photograph.items) {
      page.act({ type: "select", item: id });
      page.act({ type: "click", photograph: photograph.id, x: 5, y: 3, label: 1 });
    }
    await page.settle();
    checkEnd(page, seed);
  }
});

test("click, then undo before the answer: nothing is left, and nothing more is asked for", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  const { current } = page.document;
  page.act({ type: "click", photograph: current, x: 1, y: 1, label: 1 });
  page.work.undo();
  await page.settle();
  const [item] = documents.currentPhotograph(page.document).items;
  assert.deepEqual(item.clicks, []);
  assert.equal(page.work.maskOf(item), null);
  assert.deepEqual(page.engine.calls.slice(2), ["click", "look again", "undo"]);
});

test("a first look knows its click, and is not the mask that holds", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  page.act({ type: "click", photograph: page.document.current, x: 1, y: 1, label: 1 });
  await page.engine.advance();
  const { item } = page.work;
  assert.deepEqual(page.work.answerOf(item).clicks, item.clicks);
  assert.equal(page.work.isCurrent(item), false);
});

test("what was undone together is made again at no cost, one by one", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  const { current } = page.document;
  for (let x = 0; x < 4; x++) page.act({ type: "click", photograph: current, x, y: 1, label: 1 });
  await page.settle();
  page.act({ type: "click", photograph: current, x: 5, y: 1, label: 1 });
  for (let i = 0; i < 3; i++) page.work.undo();
  await page.settle();
  for (let i = 0; i < 2; i++) {
    page.work.redo();
    await page.settle();
  }
  assert.deepEqual(page.engine.calls.slice(-4), ["click", "setClicks", "redo", "redo"]);
});

test("the mask of a state that nobody knows is not taken for another one's", async () => {
  let failure = "no";
  const page = new Page(() => failure);
  page.open();
  await page.settle();
  const { current } = page.document;
  page.act({ type: "click", photograph: current, x: 0, y: 1, label: 1 });
  await page.settle();
  failure = "after"; // the engine has this click, and nobody knows
  page.act({ type: "click", photograph: current, x: 1, y: 1, label: 1 });
  await page.settle();
  failure = "no";
  const { id } = page.work.item;
  page.act({ type: "setThreshold", item: id, threshold: 0.7 });
  page.act({ type: "removeClick", item: id, index: 1 });
  await page.settle();
  assert.deepEqual(page.errors, ["click failed in the end"]);
  checkEnd(page);
});

test("an object that nobody knows is emptied before another one takes its turn", async () => {
  let failure = "no";
  const page = new Page(() => failure);
  const shown = [];
  for (let i = 0; i < 2; i++) {
    page.open();
    await page.settle();
    shown.push(page.document.current);
  }
  // Two objects, of which the engine has the second alone: it has read the photograph again.
  const [first, photograph] = shown;
  page.act({ type: "click", photograph, x: 0, y: 1, label: 1 });
  const { id } = page.work.item;
  await page.settle();
  page.work.nextItem();
  page.act({ type: "click", photograph, x: 1, y: 1, label: 1 });
  await page.settle();
  for (const one of [first, photograph]) {
    page.act({ type: "show", photograph: one });
    await page.settle();
  }
  failure = "after"; // this object is empty, and nobody knows
  page.act({ type: "removeClick", item: page.work.item.id, index: 0 });
  await page.settle();
  failure = "no";
  page.act({ type: "select", item: id });
  await page.settle();
  assert.deepEqual(page.errors, ["undo failed in the end"]);
  checkEnd(page);
});

test("a click that was undone comes back only where it was", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  const { current } = page.document;
  const click = (x) => page.act({ type: "click", photograph: current, x, y: 1, label: 1 });
  for (let x = 0; x < 3; x++) click(x);
  await page.settle();
  page.work.undo();
  await page.settle();
  const { id } = page.work.item;
  page.act({ type: "setThreshold", item: id, threshold: 0.7 });
  page.act({ type: "removeClick", item: id, index: 1 });
  click(2);
  await page.settle();
  assert.deepEqual(page.engine.calls.slice(-2), ["setThreshold", "setClicks"]);
  checkEnd(page);
});

test("another mask of the first click: chosen, undone, and there again after the engine has begun anew", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  page.work.nextCandidate(); // there is none yet
  const photograph = page.document.current;
  page.act({ type: "click", photograph, x: 1, y: 1, label: 1 });
  await page.settle();
  assert.equal(page.work.numCandidates, 2);
  page.work.nextCandidate();
  page.work.nextCandidate(); // no answer is waited for
  await page.settle();
  assert.equal(page.work.item.clicks[0].candidate, 2);
  assert.deepEqual(page.engine.calls.slice(-3), ["choose", "choose", "choose"]);
  page.work.nextCandidate();
  await page.settle();
  assert.deepEqual(page.work.item.clicks, [{ x: 1, y: 1, label: 1 }]);
  page.work.undo();
  page.act({ type: "click", photograph, x: 2, y: 1, label: 0 });
  assert.equal(page.work.numCandidates, 0); // it is too late for that
  await page.settle();
  checkEnd(page);
  page.open();
  await page.settle();
  page.act({ type: "show", photograph });
  await page.settle();
  const calls = ["click", "look again", "choose", "click"];
  assert.deepEqual(page.engine.calls.slice(-4), calls);
  checkEnd(page);
  for (let i = 0; i < 2; i++) page.work.undo(); // back to the best one, by way of one click
  page.act({ type: "select", item: page.work.item.id });
  await page.settle();
  checkEnd(page);
});

test("another mask of the first click, quickly before and after other steps", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  const photograph = page.document.current;
  const click = (x) => page.act({ type: "click", photograph, x, y: 1, label: 1 });
  click(1);
  await page.settle();
  page.work.nextCandidate();
  await page.settle();
  click(2);
  for (let i = 0; i < 2; i++) page.work.undo(); // while the click is under way
  await page.settle();
  assert.deepEqual(page.engine.calls.slice(-3), ["click", "setClicks", "choose"]);
  checkEnd(page);
  click(2);
  await page.settle();
  page.work.undo();
  await page.settle();
  page.work.nextCandidate();
  await page.settle();
  click(2); // the engine has forgotten it
  await page.settle();
  assert.deepEqual(page.engine.calls.slice(-3), ["undo", "choose", "click"]);
  page.act({ type: "setThreshold", item: page.work.item.id, threshold: 0.7 });
  page.act({ type: "reset" });
  click(3);
  await page.settle();
  assert.deepEqual(page.engine.calls.slice(-2), ["setThreshold", "setClicks"]);
  assert.deepEqual(page.errors, []);
  checkEnd(page);
});

test("where a network has fewer masks of a click than the project's had, its best counts", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  page.act({ type: "click", photograph: page.document.current, x: 1, y: 1, label: 1 });
  page.act({ type: "choose", item: page.work.item.id, candidate: 7 });
  await page.settle();
  assert.deepEqual(page.errors, []);
  assert.ok(page.work.isCurrent(page.work.item));
});

test("clicks that come while one is answered are asked for together", async () => {
  const page = new Page();
  page.open();
  await page.settle();
  const { current } = page.document;
  for (let x = 0; x < 5; x++) page.act({ type: "click", photograph: current, x, y: 1, label: 1 });
  await page.settle();
  assert.deepEqual(page.engine.calls.slice(2), ["click", "look again", "setClicks"]);
});

test("a click beside the object goes with the last click on it; undo brings all back", () => {
  const item = { ...documents.newItem("i", 0.5), clicks: [] };
  const photograph = documents.newPhotograph({ id: "p", name: "p", size: SIZE }, item);
  let history = newHistory({ photographs: [photograph], current: "p" });
  const act = (action) => (history = done(history, action));
  const clicks = () => documents.presentItem(history.document).clicks.map(({ label }) => label);
  for (const label of [1, 0, 1]) act({ type: "click", photograph: "p", x: 0, y: 0, label });
  act({ type: "removeClick", item: "i", index: 0 });
  assert.deepEqual(clicks(), [1, 0]);
  act({ type: "removeClick", item: "i", index: 0 });
  assert.deepEqual(clicks(), []);
  history = undone(undone(history));
  assert.deepEqual(clicks(), [1, 0, 1]);
  history = forgotten(history, "p");
  assert.deepEqual(redone(history).document, documents.EMPTY);
});

test("no more objects than an index file can hold", () => {
  const item = { ...documents.newItem("i", 0.5), start: "mask" };
  const photograph = documents.newPhotograph({ id: "p", name: "p", size: SIZE }, item);
  const document = { photographs: [photograph], current: "p" };
  const items = Array.from({ length: documents.MAX_ITEMS }, (_, i) =>
    documents.newItem(`${i}`, 0.5, "", "mask"),
  );
  const add = (items) => documents.applied(document, { type: "addItems", items });
  assert.throws(() => add(items), /254 objects/);
  assert.equal(add(items.slice(1)).photographs[0].items.length, documents.MAX_ITEMS);
});

test("masks survive as run lengths", () => {
  for (const text of ["0", "1", "0110", "1001", "111000111", "0000"]) {
    const mask = Uint8Array.from(text, Number);
    assert.deepEqual(maskOfRuns(runsOf(mask), mask.length), mask);
  }
});
