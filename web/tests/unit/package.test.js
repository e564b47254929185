/** The package: what is in it, and that its types are what a strict TypeScript takes. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../", import.meta.url));
const MAX_BYTES = 7e6; // of the files; TensorFlow.js, its WebAssembly and the network are all of it

/** What a caller may write, and, each behind a comment that TypeScript checks, what not. */
const CALLER = `
import { EngineError, InputError, LoadError, Segmenter } from "MODULE";
import type { Backend, Snapshot } from "MODULE";

export async function use(file: Blob): Promise<number> {
  const backend: Backend = "wasm";
  const segmenter = await Segmenter.load("./model/", { backend, onProgress: (share) => share + 1 });
  await segmenter.setImage(file, { onDecoded: ({ bitmap, width }) => void (bitmap.width + width) });
  const snapshot: Snapshot | null = await segmenter.click(1, 2, 1, { onGlance: ({ mask }) => mask });
  await segmenter.setMask(new Uint8Array(4));
  const png: Blob = await segmenter.toMask("cutout", { names: ["cat"] });
  const probability: Float32Array = await segmenter.probability();
  // @ts-expect-error: it may be null
  snapshot.area;
  // @ts-expect-error: labels are 0 and 1
  await segmenter.click(1, 2, 2);
  // @ts-expect-error: no such file
  await segmenter.toMask("gif");
  // @ts-expect-error: only load makes one
  new Segmenter(new Worker("x"));
  return (snapshot?.area ?? 0) + png.size + probability.length + segmenter.threshold;
}

export function canTryAgain(error: unknown): boolean {
  if (error instanceof InputError || error instanceof EngineError) return false;
  return error instanceof LoadError && error.retryable;
}
`;

test("the types, made from the comments, hold for a strict caller", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "fctsfn-types-"));
  const module = path.join(WEB, "dist", "segmenter.js");
  await writeFile(path.join(folder, "caller.ts"), CALLER.replaceAll("MODULE", module));
  const tsc = path.join(WEB, "node_modules", "typescript", "bin", "tsc");
  const options = ["--strict", "--noEmit", "--target", "es2022", "--module", "esnext"];
  options.push("--moduleResolution", "bundler", "--lib", "es2023,dom");
  const { stdout } = spawnSync(process.execPath, [tsc, ...options, "caller.ts"], { cwd: folder });
  await rm(folder, { recursive: true });
  assert.equal(String(stdout), "");
});

test("the package holds the module, its licence and nothing twice", async () => {
  // As the site was built just now, it is not built again.
  const flags = ["pack", "--dry-run", "--json", "--ignore-scripts"];
  const { stdout } = spawnSync("npm", flags, { cwd: WEB });
  const [{ files, name }] = JSON.parse(String(stdout));
  assert.equal(name, "fctsfn-web");
  const isNetwork = (file) => file.startsWith("model/");
  const paths = files.map((file) => file.path);
  assert.deepEqual(paths.filter((file) => !isNetwork(file)).sort(), [
    "README.md",
    "dist/LICENSE",
    "dist/LICENSES.txt",
    "dist/convolutions-fma-threads.wasm",
    "dist/convolutions-fma.wasm",
    "dist/convolutions-threads.wasm",
    "dist/errors.d.ts",
    "dist/segmenter.d.ts",
    "dist/segmenter.js",
    "dist/tfjs-backend-wasm-simd.wasm",
    "dist/tfjs-backend-wasm-threaded-simd.wasm",
    "dist/worker.js",
    "package.json",
  ]);
  const manifest = JSON.parse(await readFile(path.join(WEB, "model", "manifest.json"), "utf8"));
  const promised = ["manifest.json", ...manifest.files.map((file) => file.path)];
  assert.deepEqual(paths.filter(isNetwork).sort(), promised.map((file) => `model/${file}`).sort());
  assert.ok(files.reduce((sum, { size }) => sum + size, 0) < MAX_BYTES);
});

test("the package asks for no other, and names files that it has", async () => {
  const manifest = JSON.parse(await readFile(path.join(WEB, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined, "TensorFlow.js is inside of worker.js");
  assert.equal(manifest.private, undefined);
  assert.equal(manifest.license, "Apache-2.0");
  const { types, default: module } = manifest.exports["."];
  for (const file of [types, module, manifest.exports["./worker.js"]]) {
    assert.ok(manifest.files.includes(file.replace("./", "")), file);
  }
  const worker = await readFile(path.join(WEB, "dist", "worker.js"), "utf8");
  for (const [, file] of worker.matchAll(/new URL\("\.\/([\w.-]+\.wasm)"/g)) {
    await assert.doesNotReject(readFile(path.join(WEB, "dist", file)), file);
  }
});
