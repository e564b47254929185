/** A project as one file: there and back, and what is no project. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { InputError } from "../../src/engine/segmenter.js";
import * as documents from "../../src/page/document.js";
import { packed, unpacked } from "../../src/page/project.js";
import { runsOf } from "../../src/page/runs.js";
import { crc32, unzipped, zipped } from "../../src/page/zip.js";
import { rectangles } from "./fakeNetwork.js";

const SIZE = { width: 8, height: 5 };

/** Two photographs; the first with an object from a mask, one with clicks, and an empty one. */
function makeWork() {
  const clicks = [
    { x: 1, y: 2, label: 1 },
    { x: 7, y: 4, label: 0 },
  ];
  const items = [
    documents.newItem("a", 0.5, "Käse", "s"),
    { ...documents.newItem("b", 0.4), clicks },
    documents.newItem("c", 0.5),
  ];
  const first = { id: "p", name: "größe/../1.jpg", size: SIZE, items, present: "b" };
  const second = documents.newPhotograph({ id: "q", name: "2.jpg" }, documents.newItem("d", 0.5));
  const runs = runsOf(rectangles(5, 8, [[1, 1, 3, 4]]));
  const answer = { start: null, clicks, threshold: 0.4, runs, area: 6, isGlance: false };
  return {
    document: { photographs: [first, second], current: "p" },
    photographs: new Map([
      ["p", new Blob(["first"])],
      ["q", new Blob(["second photograph"])],
    ]),
    starts: new Map([["s", runs]]),
    answers: new Map([
      ["b", answer],
      ["a", { ...answer, start: "an older mask", clicks: [] }],
    ]),
  };
}

/** The same with ids that count from 1, so that two of them can be compared. */
async function plainOf({ document, photographs, starts, answers }) {
  const texts = new Map();
  for (const [id, blob] of photographs) texts.set(id, await blob.text());
  return document.photographs.map(({ id, name, size, items, present }) => ({
    name,
    size,
    text: texts.get(id),
    isCurrent: id === document.current,
    items: items.map((item) => {
      const answer = answers.get(item.id);
      const isCurrent = answer !== undefined && documents.sameMask(answer, item);
      return {
        name: item.name,
        threshold: item.threshold,
        clicks: item.clicks,
        isPresent: item.id === present,
        start: item.start && [...starts.get(item.start)],
        mask: isCurrent ? [[...answer.runs], answer.area] : null,
      };
    }),
  }));
}

function counter() {
  let last = 0;
  return () => `new ${++last}`;
}

test("a project comes back as it was", async () => {
  const work = makeWork();
  const file = await packed(work, "compact");
  const opened = await unpacked(file, counter());
  assert.deepEqual(await plainOf(opened), await plainOf(work));
  assert.equal(opened.preset, "compact");
  const names = [...(await unzipped(file)).keys()];
  assert.deepEqual(names, ["project.json", "photographs/1-größe_.._1.jpg", "photographs/2-2.jpg"]);
  const again = await packed(work, "compact");
  assert.deepEqual(await again.arrayBuffer(), await file.arrayBuffer());
});

test("a ZIP file is as others write and read it", async () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926); // its check value
  const parts = new Map([["ä.txt", new Blob(["hello"])]]);
  const bytes = new Uint8Array(await (await zipped(parts)).arrayBuffer());
  const view = new DataView(bytes.buffer);
  assert.equal(view.getUint32(14, true), crc32(new TextEncoder().encode("hello")));
  // A comment at the end, and bytes before it that look like nothing.
  const commented = new Blob([bytes.slice(0, -2), Uint8Array.of(3, 0), "abc"]);
  assert.equal(await (await unzipped(commented)).get("ä.txt").text(), "hello");
});

test("what is no project is refused in words", async () => {
  const good = await packed(makeWork(), "");
  const parts = await unzipped(good);
  const content = JSON.parse(await parts.get("project.json").text());
  const changedBy = async (change) => {
    const copy = structuredClone(content);
    change(copy, copy.photographs[0].objects);
    return zipped(new Map([...parts, ["project.json", new Blob([JSON.stringify(copy)])]]));
  };
  const files = [
    [new Blob(["no zip"]), /no ZIP file/],
    [good.slice(0, good.size - 30), /no ZIP file/],
    [await zipped(new Map([["a", new Blob(["b"])]])), /with project.json/],
    [await zipped(new Map([["project.json", new Blob(["{"])]])), /is not JSON/],
    [await changedBy((one) => (one.format = "x")), /another program/],
    [await changedBy((one) => (one.version = 2)), /version 2; this page reads version 1/],
    [await changedBy((one) => (one.photographs = [])), /no photographs/],
    [await changedBy((one) => (one.photographs[0].file = "gone")), /“gone” is missing/],
    [await changedBy((one) => (one.photographs[0].name = 5)), /has no name/],
    [await changedBy((one) => (one.photographs[0].objects = [])), /objects are missing/],
    [await changedBy((one) => (one.photographs[0].size.width = -1)), /size is wrong/],
    [await changedBy((_, objects) => (objects[1].clicks[0].x = 8)), /click is outside/],
    [await changedBy((_, objects) => (objects[1].clicks[0].x = 0.5)), /click is outside/],
    [await changedBy((_, objects) => (objects[1].clicks[0].label = 2)), /no label/],
    [await changedBy((_, objects) => (objects[1].clicks[0].label = 0)), /first click/],
    [await changedBy((_, objects) => (objects[1].threshold = 7)), /threshold/],
    [await changedBy((_, objects) => (objects[1].mask = [39])), /another size/],
    [await changedBy((_, objects) => (objects[0].start = [-1, 41])), /mask is broken/],
  ];
  for (const [file, message] of files) {
    await assert.rejects(unpacked(file, counter()), (error) => {
      assert.ok(error instanceof InputError, `${error.stack}`);
      assert.match(error.message, message);
      return true;
    });
  }
});
