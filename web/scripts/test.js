/**
 * Every test of web/: npm test [-- report.xml]
 *
 * 1. prettier: every file formatted; TypeScript: the engine and the canvas are used as their comments
 *    say;
 * 2. the site is built;
 * 3. the unit tests, and the page in a real Chromium (skipped, and said so, where there is none).
 */

import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromiumPath } from "../tests/browser/harness.js";

const WEB = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [report] = process.argv.slice(2);

const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
if (report) {
  reporters.push("--test-reporter=junit", `--test-reporter-destination=${path.resolve(report)}`);
}
const tests = (await readdir(path.join(WEB, "tests"), { recursive: true }))
  .filter((name) => name.endsWith(".test.js"))
  .map((name) => path.join("tests", name));

if (!chromiumPath()) console.log("There is no Chromium here: the tests of the page are skipped.");
run(process.execPath, "node_modules/prettier/bin/prettier.cjs", "--check", ".");
run(process.execPath, "node_modules/typescript/bin/tsc");
run(process.execPath, "scripts/build.js");
run(process.execPath, "--test", ...reporters, ...tests);

/** Run a program in web/ and end with its code where it fails. */
function run(program, ...args) {
  const { status } = spawnSync(program, args, { cwd: WEB, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
