/**
 * web/src → web/dist: a static site that works under any path of any host.
 *
 *     npm run build
 *
 * The page, its style, the module and the worker become one file each; the module's types are made from
 * its comments; everything else is copied.
 */

import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build as bundle } from "esbuild";
import { compileKernels } from "./kernels.js";

const WEB = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const DIST = path.join(WEB, "dist");
const SRC = path.join(WEB, "src");
const EXAMPLES = path.join(path.dirname(WEB), "examples");
const TFJS = path.join(WEB, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist");
const WASM = ["tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];
const TSC = path.join(WEB, "node_modules", "typescript", "bin", "tsc");
// Each becomes one file of the site, with what it imports.
const ENTRIES = {
  start: "page/start.js",
  main: "page/main.js",
  style: "page/style.css",
  segmenter: "engine/segmenter.js",
  worker: "engine/worker.js",
};
const COPIED = [
  ...["page/index.html", "page/icon.svg", "page/app.webmanifest"],
  ...["embed/embed.html", "embed/embed.js", "embed/embed.css"],
];
// Present on the site but not needed to work offline.
const NOT_CACHED = /\.d\.ts$|^embed\.|^LICENSE|^\.nojekyll$|^model\/README\.md$/;

/** Make DIST anew. @param {string} model folder of the exported network */
export async function build(model = path.join(WEB, "model")) {
  await rm(DIST, { recursive: true, force: true });
  await mkdir(path.join(DIST, "samples"), { recursive: true });
  const { metafile } = await bundle({
    entryPoints: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, file]) => [name, path.join(SRC, file)]),
    ),
    outdir: DIST,
    bundle: true,
    external: ["./main.js"], // of start.js, which fetches it later
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none",
    // What TensorFlow.js asks Node for; webpack would answer, and wrongly.
    define: { __filename: "undefined", __dirname: "undefined" },
    metafile: true,
    logLevel: "warning",
  });
  for (const file of COPIED) await cp(path.join(SRC, file), path.join(DIST, path.basename(file)));
  for (const name of WASM) await cp(path.join(TFJS, name), path.join(DIST, name));
  await writeTypes();
  for (const [name, content] of Object.entries(await compileKernels())) {
    await writeFile(path.join(DIST, name), content);
  }
  for (const name of await readdir(EXAMPLES)) {
    if (name.endsWith(".jpg"))
      await cp(path.join(EXAMPLES, name), path.join(DIST, "samples", name));
  }
  await cp(model, path.join(DIST, "model"), { recursive: true });
  await writeFile(path.join(DIST, "LICENSES.txt"), await licences(metafile));
  await cp(path.join(path.dirname(WEB), "LICENSE"), path.join(DIST, "LICENSE"));
  // GitHub Pages would otherwise run the files through Jekyll.
  await writeFile(path.join(DIST, ".nojekyll"), "");
  await writeServiceWorker();
}

/** segmenter.d.ts, and errors.d.ts that it imports. */
async function writeTypes() {
  const options = ["--ignoreConfig", "--allowJs", "--checkJs", "--strict", "--target", "es2022"];
  options.push("--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2023,dom");
  options.push("--declaration", "--emitDeclarationOnly", "--outDir", DIST);
  const file = path.join(SRC, ENTRIES.segmenter);
  await promisify(execFile)(process.execPath, [TSC, ...options, file]);
}

/** The service worker with the hashes of all files and one over them. */
async function writeServiceWorker() {
  const names = (await allFiles(DIST)).filter((name) => !NOT_CACHED.test(name));
  const files = {};
  for (const name of names) files[name] = sha256(await readFile(path.join(DIST, name)));
  const list = JSON.stringify(files, null, 2);
  const source = await readFile(path.join(SRC, "page", "sw.js"), "utf8");
  const filled = source
    .replace('"__VERSION__"', JSON.stringify(`fctsfn-${sha256(list).slice(0, 16)}`))
    .replace('"__FILES__"', list);
  await writeFile(path.join(DIST, "sw.js"), filled);
}

function sha256(content) {
  return createHash("sha256").update(content).digest("hex");
}

/** Paths of all files below a folder, relative to it, sorted. */
async function allFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .map((name) => name.split(path.sep).join("/"))
    .sort();
}

/** Names, versions and licences of the packages that are inside the bundles. */
async function licences({ inputs }) {
  const folders = new Set();
  for (const name of Object.keys(inputs)) {
    const match = name.match(/^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//);
    if (match) folders.add(match[1]);
  }
  const lines = ["Packages inside worker.js; all else is fctsfn_tf, Apache-2.0.", ""];
  for (const name of [...folders].sort()) {
    const file = path.join(WEB, "node_modules", name, "package.json");
    const { version, license, homepage } = JSON.parse(await readFile(file, "utf8"));
    lines.push(`${name} ${version}: ${license}${homepage ? ` (${homepage})` : ""}`);
  }
  return lines.join("\n") + "\n";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  await build(process.argv[2]);
  console.log(`web/dist is ready (${((performance.now() - started) / 1000).toFixed(1)} s)`);
}
