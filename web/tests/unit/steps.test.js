/** The order of requests, objects and histories. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { clickFromPoint, ClickHistory } from "../../src/engine/clicks/clicks.js";
import { EngineError, fromSent, InputError, LoadError, toSend } from "../../src/engine/errors.js";
import { Predictor } from "../../src/engine/predict/predictor.js";
import { RequestQueue } from "../../src/engine/requests.js";
import { roundHalfEven } from "../../src/engine/images/resize.js";
import { Workspace } from "../../src/engine/predict/workspace.js";
import { FakeNetwork, rectangles } from "./fakeNetwork.js";

const CONFIG = {
  click_encoding: "disks_and_previous",
  working_size: 64,
  threshold: 0.5,
  zoom_in: true,
  zoom_expansion: 1.4,
  zoom_min_size: 24,
  zoom_keep_iou: 0.5,
  zoom_min_gain: 1.25,
};
const [HEIGHT, WIDTH] = [48, 80];
const OBJECTS = [
  [5, 6, 20, 30],
  [25, 45, 44, 74],
];

/** A workspace on a dark photograph with two bright rectangles. */
async function makeWorkspace(settings = {}, network = new FakeNetwork()) {
  const bright = rectangles(HEIGHT, WIDTH, OBJECTS);
  const data = Uint8Array.from(
    { length: 3 * bright.length },
    (_, i) => 40 + 180 * bright[Math.floor(i / 3)],
  );
  const workspace = new Workspace(new Predictor(network, { ...CONFIG, ...settings }));
  await workspace.setImage({ data, height: HEIGHT, width: WIDTH });
  return { workspace, network };
}

function makeQueue() {
  const [answers, turns, done] = [[], [], []];
  let latest = 0;
  const queue = new RequestQueue({
    run: async ({ id, method, isBad }) => {
      done.push(`${method} ${id}`);
      if (method === "fail" || isBad) throw new InputError("no");
      latest = id;
      return id;
    },
    show: () => latest,
    reply: (id, { result, error }) => answers.push([id, error ? error.message : result]),
    nextTurn: () => new Promise((resolve) => turns.push(resolve)),
  });
  const turn = async () => {
    turns.shift()();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, answers, done, turn };
}

test("every click is done in order, and only the newest is shown", async () => {
  const { queue, answers, done, turn } = makeQueue();
  for (const id of [1, 2, 3]) queue.push({ id, method: "click" });
  queue.push({ id: 4, method: "memory" });
  for (let i = 0; i < 4; i++) await turn();
  assert.deepEqual(done, ["click 1", "click 2", "click 3", "memory 4"]);
  assert.deepEqual(answers, [
    [1, null],
    [2, null],
    [3, 3],
    [4, 4],
  ]);
});

test("a photograph that still waits is dropped for a newer one", async () => {
  const { queue, answers, done, turn } = makeQueue();
  for (const id of [1, 2]) queue.push({ id, method: "setImage" });
  await turn();
  queue.push({ id: 3, method: "setImage" });
  await turn();
  assert.deepEqual(done, ["setImage 2", "setImage 3"]);
  assert.deepEqual(answers, [
    [1, null],
    [2, 2],
    [3, 3],
  ]);
});

test("where the newest click fails, the one before it is shown", async () => {
  const { queue, answers, turn } = makeQueue();
  for (const id of [1, 2]) queue.push({ id, method: "click" });
  queue.push({ id: 3, method: "click", isBad: true });
  for (let i = 0; i < 3; i++) await turn();
  assert.deepEqual(answers, [
    [1, null],
    [2, 2],
    [3, "no"],
  ]);
});

test("steps on a photograph that still waits go with it, but not what somebody wants to save", async () => {
  for (const hasFile of [false, true]) {
    const { queue, answers, done, turn } = makeQueue();
    queue.push({ id: 1, method: "click" });
    queue.push({ id: 2, method: "setImage" });
    queue.push({ id: 3, method: "click" });
    if (hasFile) queue.push({ id: 4, method: "file" });
    queue.push({ id: 5, method: "setImage" });
    for (let i = 0; i < (hasFile ? 5 : 2); i++) await turn();
    assert.deepEqual(done, [
      "click 1",
      ...(hasFile ? ["setImage 2", "click 3", "file 4"] : []),
      "setImage 5",
    ]);
    assert.deepEqual(new Map(answers).get(3), null);
    assert.deepEqual(answers.length, hasFile ? 5 : 4);
  }
});

test("a preview is done only while nothing newer waits, and keeps no photograph", async () => {
  const { queue, answers, done, turn } = makeQueue();
  queue.push({ id: 1, method: "preview" });
  queue.push({ id: 2, method: "click" });
  queue.push({ id: 3, method: "preview" });
  for (let i = 0; i < 3; i++) await turn();
  assert.deepEqual(done, ["click 2", "preview 3"]);
  assert.deepEqual(answers, [
    [1, null],
    [2, 2],
    [3, 3],
  ]);
  for (const [id, method] of ["click", "setImage", "preview", "setImage"].entries()) {
    queue.push({ id: id + 4, method });
  }
  for (let i = 0; i < 2; i++) await turn();
  assert.deepEqual(done.slice(2), ["click 4", "setImage 7"]);
  assert.deepEqual(new Map(answers).get(6), null);
});

test("an error is answered and the next request runs", async () => {
  const { queue, answers, turn } = makeQueue();
  queue.push({ id: 1, method: "fail" });
  queue.push({ id: 2, method: "memory" });
  await turn();
  await turn();
  assert.deepEqual(answers, [
    [1, "no"],
    [2, 2],
  ]);
});

test("several objects keep their clicks, undo and redo", async () => {
  const { workspace, network } = await makeWorkspace();
  await workspace.click(10, 10, 1);
  await workspace.click(15, 12, 1);
  const first = workspace.snapshot();
  workspace.newObject();
  const empty = workspace.snapshot();
  assert.equal(empty.mask, null);
  assert.equal(empty.others[10 * WIDTH + 10], 1);
  await workspace.click(60, 30, 1);
  workspace.undo();
  const calls = network.clicked;
  workspace.selectObject(0);
  const again = workspace.snapshot();
  assert.deepEqual(again.mask, first.mask);
  assert.deepEqual(again.clicks, first.clicks);
  workspace.undo();
  workspace.redo();
  assert.deepEqual(workspace.snapshot().mask, first.mask);
  workspace.selectObject(1);
  assert.ok(workspace.snapshot().canRedo);
  workspace.redo();
  assert.equal(network.clicked, calls);
  assert.deepEqual(workspace.snapshot().clicks, [{ x: 60, y: 30, label: 1 }]);
});

test("the first look at an object can be shown while the network looks again", async () => {
  const { workspace, network } = await makeWorkspace({ look_again: 1 });
  const glances = [];
  await workspace.click(10, 10, 1, (glance) => {
    assert.equal(network.clicked, 1);
    glances.push(glance);
  });
  assert.equal(network.clicked, 2);
  assert.deepEqual(
    glances.map(({ clicks, canUndo, area }) => ({ clicks, canUndo, isEmpty: area === 0 })),
    [{ clicks: [{ x: 10, y: 10, label: 1 }], canUndo: true, isEmpty: false }],
  );
  await workspace.click(12, 12, 1, (glance) => glances.push(glance));
  assert.equal(glances.length, 1);
});

test("what the whole photograph shows can be shown while the network looks closer", async () => {
  // A bright object on dark ground, so small that crops are looked at.
  const data = new Uint8Array(3 * 300 * 200).fill(60);
  for (let row = 90; row < 110; row++) data.fill(220, 3 * (300 * row + 140), 3 * (300 * row + 160));
  const { workspace, network } = await makeWorkspace({ look_closer: 3 }, new FakeNetwork(true));
  await workspace.setImage({ data, height: 200, width: 300 });
  const glances = [];
  await workspace.click(150, 100, 1, (glance) => {
    assert.equal(network.clicked, 1);
    glances.push(glance);
  });
  assert.ok(network.clicked > 1);
  assert.equal(glances.length, 1);
  assert.ok(glances[0].area > 0);
  const { workspace: plain } = await makeWorkspace({}, new FakeNetwork(true));
  await plain.setImage({ data, height: 200, width: 300 });
  await plain.click(150, 100, 1);
  assert.deepEqual(glances[0].mask, plain.snapshot().mask);
});

test("a preview is the first look of a click, and changes nothing", async () => {
  const { workspace, network } = await makeWorkspace({ look_again: 1 });
  let glance = null;
  await workspace.click(10, 10, 1, (shown) => (glance = shown));
  await workspace.click(15, 12, 1);
  const before = workspace.snapshot();
  const { clicked, encoded } = network;
  assert.deepEqual(await workspace.preview(10, 10), glance.mask);
  assert.deepEqual(await workspace.preview(50, 30), await firstLook(50, 30));
  assert.deepEqual([network.clicked, network.encoded], [clicked + 2, encoded]);
  assert.deepEqual(workspace.snapshot().mask, before.mask);
  // What comes after it is what would have come without it.
  await workspace.click(50, 30, 0);
  const { workspace: other } = await makeWorkspace({ look_again: 1 });
  for (const click of [
    [10, 10, 1],
    [15, 12, 1],
    [50, 30, 0],
  ]) {
    await other.click(...click);
  }
  assert.deepEqual(workspace.snapshot().mask, other.snapshot().mask);
  await assert.rejects(workspace.preview(-1, 0), InputError);
});

async function firstLook(x, y) {
  const { workspace } = await makeWorkspace({ look_again: 0 });
  await workspace.click(x, y, 1);
  return workspace.snapshot().mask;
}

test("another candidate takes the mask's place, and ends the chance to redo", async () => {
  const { workspace } = await makeWorkspace({}, new FakeNetwork(true));
  await workspace.click(15, 10, 1);
  const first = workspace.snapshot();
  assert.ok(first.candidates.length > 0);
  await workspace.click(50, 30, 1);
  assert.deepEqual(workspace.snapshot().candidates, []);
  assert.throws(() => workspace.choose(0), /some after the first click.* 0 of 0/);
  workspace.undo();
  assert.throws(() => workspace.choose(-1), InputError);
  workspace.choose(0);
  const other = workspace.snapshot();
  assert.notDeepEqual(other.mask, first.mask);
  assert.equal(other.canRedo, false);
  assert.throws(() => workspace.redo(), InputError);
  workspace.choose(0);
  assert.deepEqual(workspace.snapshot().mask, first.mask);
});

test("objects are removed, and the last one leaves an empty one", async () => {
  const { workspace } = await makeWorkspace();
  await workspace.click(10, 10, 1);
  workspace.newObject();
  await workspace.click(60, 30, 1);
  const second = workspace.snapshot().mask;
  workspace.removeObject(0);
  assert.deepEqual(workspace.snapshot().mask, second);
  workspace.removeObject(0);
  const { mask, numObjects, clicks } = workspace.snapshot();
  assert.deepEqual([mask, numObjects, clicks], [null, 1, []]);
});

test("files are refused where there is nothing to save", async () => {
  const { workspace } = await makeWorkspace();
  for (const format of ["mask", "cutout", "index", "coco"]) {
    await assert.rejects(workspace.file(format), InputError);
  }
  await workspace.click(10, 10, 1);
  await assert.rejects(workspace.file("gif"), /Received gif/);
  assert.throws(() => (workspace.newObject(), workspace.newObject()), /still empty/);
});

test("a started but empty object is in no file", async () => {
  const { workspace } = await makeWorkspace();
  await workspace.click(10, 10, 1);
  workspace.newObject();
  const texts = { imageName: "<b>.jpg", names: ["", "unused"] };
  const coco = JSON.parse(await (await workspace.file("coco", texts)).text());
  assert.deepEqual(coco.categories, [{ id: 1, name: "object" }]);
  assert.equal(coco.images[0].file_name, "<b>.jpg");
});

test("a start mask is what is not 0", async () => {
  const { workspace } = await makeWorkspace();
  const mask = rectangles(HEIGHT, WIDTH, [OBJECTS[0]]);
  workspace.setMask(mask.map((value) => 255 * value));
  assert.deepEqual(workspace.snapshot().mask, mask);
  assert.equal(workspace.snapshot().area, 15 * 24);
  for (const wrong of [new Uint8Array(mask.length), [...mask], mask.slice(1), "mask"]) {
    assert.throws(() => workspace.setMask(wrong), InputError);
  }
});

test("bad clicks say what is wrong and change nothing", async () => {
  const { workspace } = await makeWorkspace();
  await assert.rejects(workspace.click(10, 10, 0), /first click/);
  await assert.rejects(workspace.click(WIDTH, 10, 1), /inside the photograph/);
  await assert.rejects(workspace.click(Number.NaN, 10, 1), InputError);
  await assert.rejects(workspace.setClicks([{ x: 1, y: 1, label: 2 }]), /label/);
  assert.throws(() => workspace.undo(), /no click to undo/);
  assert.throws(() => workspace.setMask(new Uint8Array(HEIGHT * WIDTH)), /empty mask/);
  assert.throws(() => workspace.setMask(new Uint8Array(3)), /as large as/);
  assert.equal(workspace.snapshot().mask, null);
});

test("a network that returns NaN is reported, and the click is not kept", async () => {
  const { workspace, network } = await makeWorkspace();
  network.click = async (_, maps) => new Float32Array(maps.length / 3).fill(Number.NaN);
  await assert.rejects(workspace.click(10, 10, 1), /NaN/);
  assert.equal(workspace.snapshot().clicks.length, 0);
});

test("another threshold changes the mask at once and later clicks keep it", async () => {
  const { workspace } = await makeWorkspace();
  await workspace.click(10, 10, 1);
  const before = workspace.snapshot().area;
  workspace.setThreshold(0.05);
  assert.ok(workspace.snapshot().area > before);
  workspace.setThreshold(0.5);
  assert.equal(workspace.snapshot().area, before);
});

test("the end of the memory is said in words, and every error has a documented type", () => {
  for (const error of [
    new RangeError("Array buffer allocation failed"),
    new Error("abort(Cannot enlarge memory arrays: out of memory)"),
  ]) {
    const { name, message } = toSend(error);
    assert.equal(name, "InputError");
    assert.match(message, /^The memory of this device is used up\. Close other tabs/);
  }
  const there = (error) => fromSent(structuredClone(toSend(error)));
  assert.deepEqual(there(new InputError("a")), new InputError("a"));
  for (const isRetryable of [true, false]) {
    const error = there(new LoadError("b", isRetryable));
    assert.ok(error instanceof LoadError);
    assert.deepEqual([error.message, error.retryable], ["b", isRetryable]);
  }
  for (const error of [new TypeError("c"), { message: "c" }, "c"]) {
    assert.ok(there(error) instanceof EngineError);
    assert.equal(there(error).message, "c");
  }
});

test("a click lies on the pixel that holds it", () => {
  const click = clickFromPoint(12.7, 3.2, 1, 10, 20);
  assert.deepEqual(click, { row: 3, col: 12, isPositive: true });
});

test("a new click ends the chance to redo", () => {
  const history = new ClickHistory();
  history.add(clickFromPoint(1, 1, 1, 9, 9));
  history.undo();
  history.add(clickFromPoint(2, 2, 1, 9, 9));
  assert.throws(() => history.redo(), InputError);
});

test("rounding halves to even, as Python does", () => {
  assert.deepEqual([0.5, 1.5, 2.5, -1.5, 2.4, 2.6].map(roundHalfEven), [0, 2, 2, -2, 2, 3]);
});
