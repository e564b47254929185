/** segmenter.d.ts names what the module has. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { Segmenter } from "../../src/engine/segmenter.js";

test("the types name every method of the class, and no other", async () => {
  const text = await readFile(new URL("../../src/engine/segmenter.d.ts", import.meta.url), "utf8");
  const body = text.slice(text.indexOf("export class Segmenter"));
  const declared = [...body.matchAll(/^ {2}(?!static|readonly)(\w+)\(/gm)].map(([, name]) => name);
  const getters = ["snapshot"];
  const methods = Object.getOwnPropertyNames(Segmenter.prototype).filter(
    (name) => name !== "constructor" && !getters.includes(name),
  );
  assert.deepEqual(declared.sort(), methods.sort());
  assert.match(body, /static load\(/);
});

test("the package names its types where they are", async () => {
  const manifest = new URL("../../package.json", import.meta.url);
  const { types } = JSON.parse(await readFile(manifest, "utf8")).exports["."];
  assert.match(await readFile(new URL(types, manifest), "utf8"), /export class Segmenter/);
});
