/**
 * Times of the network in this machine's Chromium, as a table:
 *
 *     fctsfn export --format onnx --output onnx/   (once; for the comparison)
 *     npm run benchmark -- --onnx onnx/ [--backends wasm,webgl] [--runs 30]
 *         [--threads] [--open]
 *
 * Without --threads WebAssembly has one. With --open nothing is measured: the address of the page is printed, for another browser.
 */

import { cp, mkdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build as bundle } from "esbuild";
import { newPage, start } from "../tests/browser/harness.js";
import { DIST } from "./build.js";
import { serve } from "./serve.js";

const WEB = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const TARGET = path.join(DIST, "benchmark");
const ORT = path.join(WEB, "node_modules", "onnxruntime-web", "dist");
const TIMEOUT = 30 * 60_000;

const { values } = parseArgs({
  options: {
    onnx: { type: "string" },
    backends: { type: "string", default: "wasm,webgl" },
    runs: { type: "string", default: "30" },
    threads: { type: "boolean", default: false },
    open: { type: "boolean", default: false },
  },
});

await mkdir(TARGET, { recursive: true });
await bundle({
  entryPoints: ["benchmark.js", "page.js"].map((name) => path.join(WEB, "benchmark", name)),
  outdir: TARGET,
  bundle: true,
  minify: true,
  format: "esm",
  logLevel: "warning",
});
await cp(path.join(WEB, "benchmark", "index.html"), path.join(TARGET, "index.html"));
const query = new URLSearchParams({ backends: values.backends, runs: values.runs });
if (values.onnx) {
  await cp(path.resolve(values.onnx), path.join(TARGET, "onnx"), { recursive: true });
  await cp(path.join(ORT, "ort.wasm.bundle.min.mjs"), path.join(TARGET, "ort.mjs"));
  const wasm = "ort-wasm-simd-threaded.wasm";
  await cp(path.join(ORT, wasm), path.join(TARGET, wasm));
  query.set("onnx", "1");
}

if (values.open) {
  const { url } = await serve({ isIsolated: values.threads });
  console.log(`Open ${url}benchmark/?${query}`);
} else {
  const site = await start({ isIsolated: values.threads });
  const { page, problems } = await newPage(site.browser);
  await page.goto(`${site.url}benchmark/?${query}`);
  await page.waitForFunction(() => globalThis.benchmark, null, { timeout: TIMEOUT });
  console.log(await page.evaluate(() => globalThis.benchmark));
  if (problems.length > 0) console.log(problems.join("\n"));
  await site.close();
}
