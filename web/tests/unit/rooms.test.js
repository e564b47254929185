/** Who imports whom: the rooms of web/src, read from the import statements. */

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));
// A file of the engine imports only from rooms to the left of its own, and from its own room.
const ENGINE_ROOMS = ["errors.js", "clicks", "images", "predict", "networks", "."];
// Who may know TensorFlow.js; everything else computes without it and is tested without it.
const WITH_TENSORFLOW = ["engine/networks/network.js", "engine/networks/backends.js"];
const WORKER = "engine/worker.js";
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

const found = await imports();
const roomOf = (file) => file.split("/")[0];

/** The import statements for which `isWrong(file, target)`, as text. */
function those(isWrong) {
  const pairs = Object.entries(found).flatMap(([file, names]) => names.map((name) => [file, name]));
  return pairs.filter(([file, name]) => isWrong(file, name)).map((pair) => pair.join(" → "));
}

test("the import statements are found", () => {
  assert.ok(found["page/main.js"].includes("canvas/stage.js"));
  assert.ok(found["page/main.js"].includes(MODULE));
  assert.ok(found[WORKER].includes("@tensorflow/tfjs-core"));
  assert.ok(found["engine/predict/views.js"].includes("engine/images/decoding.js")); // a type
  for (const names of Object.values(found)) {
    for (const name of names.filter((name) => roomOf(name) in { engine: 0, canvas: 0, page: 0 })) {
      assert.ok(name in found, `${name} is no file of web/src`);
    }
  }
});

test("the engine and the canvas import nobody, the page only what each of them gives", () => {
  const isOfOtherRoom = (file, name) =>
    roomOf(name) !== roomOf(file) && !name.startsWith("@tensorflow/");
  const isGiven = (file, name) =>
    roomOf(file) === "page" && (name === MODULE || roomOf(name) === "canvas");
  // What embed.js imports lies beside it on the site.
  const isOfSite = (file, name) => file === "embed/embed.js" && name === "embed/segmenter.js";
  const wrong = those(
    (file, name) => isOfOtherRoom(file, name) && !isGiven(file, name) && !isOfSite(file, name),
  );
  assert.deepEqual(wrong, []);
});

test("within the engine each room imports from those before it", () => {
  const floorOf = (file) => {
    const [first, ...rest] = file.replace("engine/", "").split("/");
    return ENGINE_ROOMS.indexOf(rest.length > 0 || first === "errors.js" ? first : ".");
  };
  const inEngine = (file) => roomOf(file) === "engine";
  const files = Object.keys(found).filter(inEngine);
  assert.deepEqual(
    files.filter((file) => floorOf(file) < 0),
    [],
  );
  const wrong = those(
    (file, name) => inEngine(file) && inEngine(name) && floorOf(name) > floorOf(file),
  );
  assert.deepEqual(wrong, []);
});

test("TensorFlow.js is known where it must be", () => {
  const knows = Object.keys(found).filter((file) =>
    found[file].some((name) => name.startsWith("@tensorflow/")),
  );
  assert.deepEqual(knows.sort(), [...WITH_TENSORFLOW, WORKER].sort());
});

test("every room says what it is", async () => {
  for (const room of ["engine", "canvas", "page"]) {
    const text = await readFile(path.join(SRC, room, "README.md"), "utf8");
    for (const part of ["**In**", "**Out**", "**Open first**"]) {
      assert.ok(text.includes(part), `${room}/README.md: ${part}`);
    }
  }
});
