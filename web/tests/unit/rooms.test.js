/** Who imports whom: the rooms of web/src, read from the import statements. */

import assert from "node:assert/strict";
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
// A file of the engine imports only from rooms to the left of its own, and from its own room.
const ENGINE_ROOMS = ["errors.js", "clicks", "images", "predict", "networks", "."];
const WORKER = "engine/worker.js";
// Who may know which package; everything else computes without TensorFlow.js and is tested so.
const KNOWN = {
  "@tensorflow/": [
    "engine/networks/backends.js",
    "engine/networks/convolutions.js",
    "engine/networks/network.js",
    WORKER,
  ],
  "image-size": ["engine/images/imageFiles.js"],
};
// What other rooms may import of the engine: the module that people embed, and nothing behind it.
const MODULE = "engine/segmenter.js";

/** {file: [what it imports]}, paths relative to src; types in comments count, too. */
async function imports() {
  const files = (await readdir(SRC, { recursive: true })).filter((file) => /\.[jt]s$/.test(file));
  const found = {};
  for (const file of files.map((file) => file.split(path.sep).join("/"))) {
    const text = await readFile(path.join(SRC, file), "utf8");
    const names = text.matchAll(/(?:\bfrom|^import|\bimport\()\s*"([^"]+)"/gm);
    found[file] = [...names].map(([, name]) =>
      name.startsWith(".") ? path.posix.join(path.posix.dirname(file), name) : name,
    );
  }
  return found;
}

const imported = await imports();
const roomOf = (file) => file.split("/")[0];

/** The import statements for which `isWrong(file, target)`, as text. */
function those(isWrong) {
  const pairs = Object.entries(imported).flatMap(([file, names]) =>
    names.map((name) => [file, name]),
  );
  return pairs.filter(([file, name]) => isWrong(file, name)).map((pair) => pair.join(" → "));
}

test("the import statements are found", () => {
  assert.ok(imported["page/view.js"].includes("canvas/stage.js"));
  assert.ok(imported["page/main.js"].includes(MODULE));
  assert.ok(imported[WORKER].includes("@tensorflow/tfjs-core"));
  assert.ok(imported["engine/predict/views.js"].includes("engine/images/decoding.js")); // a type
  for (const names of Object.values(imported)) {
    for (const name of names.filter((name) => roomOf(name) in { engine: 0, canvas: 0, page: 0 })) {
      assert.ok(name in imported, `${name} is no file of web/src`);
    }
  }
});

test("the engine and the canvas import nobody, the page only what each of them gives", () => {
  const isPackage = (name) => Object.keys(KNOWN).some((one) => name.startsWith(one));
  const isOfOtherRoom = (file, name) => roomOf(name) !== roomOf(file) && !isPackage(name);
  const isGiven = (file, name) =>
    roomOf(file) === "page" && (name === MODULE || roomOf(name) === "canvas");
  const wrong = those((file, name) => isOfOtherRoom(file, name) && !isGiven(file, name));
  assert.deepEqual(wrong, []);
});

test("within the engine each room imports from those before it", () => {
  const floorOf = (file) => {
    const [first, ...rest] = file.replace("engine/", "").split("/");
    return ENGINE_ROOMS.indexOf(rest.length > 0 || first === "errors.js" ? first : ".");
  };
  const inEngine = (file) => roomOf(file) === "engine";
  const files = Object.keys(imported).filter(inEngine);
  assert.deepEqual(
    files.filter((file) => floorOf(file) < 0),
    [],
  );
  const wrong = those(
    (file, name) => inEngine(file) && inEngine(name) && floorOf(name) > floorOf(file),
  );
  assert.deepEqual(wrong, []);
});

test("each package is known where it must be, and nowhere else", () => {
  for (const [start, files] of Object.entries(KNOWN)) {
    const knows = ([, names]) => names.some((name) => name.startsWith(start));
    const found = Object.entries(imported).filter(knows);
    assert.deepEqual(found.map(([file]) => file).sort(), files);
  }
});

test("every room says what it is", async () => {
  for (const room of ["engine", "canvas", "page"]) {
    const text = await readFile(path.join(SRC, room, "README.md"), "utf8");
    for (const part of ["**In**", "**Out**", "**Open first**"]) {
      assert.ok(text.includes(part), `${room}/README.md: ${part}`);
    }
  }
});

test("the Python twins that the comments name are there", async () => {
  const root = new URL("../../../", import.meta.url);
  let count = 0;
  for (const file of Object.keys(imported)) {
    const text = await readFile(path.join(SRC, file), "utf8");
    for (const [twin] of text.matchAll(/fctsfn_tf\/[\w/]+\.py/g)) {
      await assert.doesNotReject(access(new URL(twin, root)), `${file}: ${twin}`);
      count++;
    }
  }
  assert.ok(count >= 10);
});
