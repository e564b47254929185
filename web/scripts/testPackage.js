/**
 * What `npm pack` makes works where people use it: in Vite, developing and built, and in webpack.
 *
 *     npm run test:package
 *
 * Part of the check list of a release, not of `npm test`: it installs both bundlers into a folder of its
 * own (a minute). It needs a Chromium.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import sirv from "sirv";
import { chromiumPath } from "../tests/browser/harness.js";

const WEB = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const BUNDLERS = ["vite@8", "webpack@5"];
const TIMEOUT = 60_000;
const RECTANGLE = 80 * 60; // pixels of what tests/package/main.js clicks

const folder = await mkdtemp(path.join(os.tmpdir(), "fctsfn-package-"));
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox"] });
try {
  await makeApp();
  await check("Vite, developing", await viteServer());
  await check("Vite, built", await staticServer(await viteBuild()));
  await check("webpack", await staticServer(await webpackBuild()));
} finally {
  await browser.close();
  await rm(folder, { recursive: true });
}

/** A new app with the tarball and the bundlers in it, and the network where it serves files. */
async function makeApp() {
  run("npm", ["pack", "--silent", "--pack-destination", folder], WEB);
  const [tarball] = (await readdir(folder)).filter((name) => name.endsWith(".tgz"));
  await cp(path.join(WEB, "tests", "package", "main.js"), path.join(folder, "main.js"));
  const page = `<!doctype html><script type="module" src="./main.js"></script>`;
  await writeFile(path.join(folder, "index.html"), page);
  await writeFile(path.join(folder, "package.json"), `{"private": true, "type": "module"}`);
  run("npm", ["install", "--no-audit", "--no-fund", `./${tarball}`, ...BUNDLERS], folder);
  const installed = path.join(folder, "node_modules", "fctsfn-web");
  await cp(path.join(installed, "model"), path.join(folder, "public", "model"), {
    recursive: true,
  });
  const { dependencies } = JSON.parse(await readFile(path.join(installed, "package.json"), "utf8"));
  assert.equal(dependencies, undefined, "TensorFlow.js is in worker.js already");
}

/** A module of the app's bundlers. */
async function moduleOf(name) {
  const file = createRequire(path.join(folder, "x.js")).resolve(name);
  const module = await import(pathToFileURL(file).href);
  return module.default?.build || module.default?.webpack ? module.default : module;
}

async function viteServer() {
  const { createServer } = await moduleOf("vite");
  const server = await createServer({ root: folder, logLevel: "warn", configFile: false });
  await server.listen();
  return { url: server.resolvedUrls.local[0], close: () => server.close() };
}

async function viteBuild() {
  const { build } = await moduleOf("vite");
  const outDir = path.join(folder, "vite");
  await build({ root: folder, logLevel: "warn", configFile: false, base: "./", build: { outDir } });
  return outDir;
}

async function webpackBuild() {
  const webpack = await moduleOf("webpack");
  const output = { path: path.join(folder, "webpack"), filename: "main.js" };
  const config = { context: folder, entry: "./main.js", mode: "production", output };
  const stats = await new Promise((resolve, reject) =>
    webpack({ ...config, performance: false }, (error, stats) =>
      error ? reject(error) : resolve(stats),
    ),
  );
  assert.ok(!stats.hasErrors(), stats.toString());
  await cp(path.join(folder, "public"), output.path, { recursive: true });
  const page = `<!doctype html><script src="./main.js"></script>`;
  await writeFile(path.join(output.path, "index.html"), page);
  return output.path;
}

async function staticServer(root) {
  await mkdir(root, { recursive: true });
  const server = createServer(sirv(root, { dev: true }));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => new Promise((resolve) => server.close(resolve) && server.closeAllConnections()),
  };
}

/** The app at an address segments a rectangle. */
async function check(name, { url, close }) {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("response", (response) => response.ok() || problems.push(response.url()));
  await page.goto(url);
  const handle = await page
    .waitForFunction(() => globalThis.result, null, { timeout: TIMEOUT })
    .catch((error) => assert.fail(`${name}: ${error.message} ${problems}`));
  const { error, area, backend, isRefused, type } = await handle.jsonValue();
  assert.equal(error, undefined, `${name}: ${error} ${problems}`);
  const isAbout = area > 0.8 * RECTANGLE && area < 1.2 * RECTANGLE;
  assert.ok(isAbout, `${name}: a rectangle of ${RECTANGLE} pixels became ${area}`);
  assert.deepEqual([isRefused, type], [true, "image/png"]);
  await page.close();
  await close();
  console.log(`${name}: ${backend}`);
}

function run(program, args, cwd) {
  const { status } = spawnSync(program, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  assert.equal(status, 0, `${program} ${args.join(" ")}`);
}
