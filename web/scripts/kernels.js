/** src/kernels/convolutions.ts → WebAssembly, one file for each kind of browser. */

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const SOURCE = fileURLToPath(new URL("../src/kernels/convolutions.ts", import.meta.url));
const FLAGS = [
  ...["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--enable", "simd"],
  ...["--disable", "bulk-memory", "--use", "abort="],
];
const FUSED = ["--enable", "relaxed-simd"];
// As much memory as TensorFlow.js' own module with threads may have, in pages of 64 KB.
const SHARED = ["--enable", "threads", "--sharedMemory", "--maximumMemory", "65536"];
const VARIANTS = {
  "convolutions-fma": FUSED,
  "convolutions-threads": SHARED,
  "convolutions-fma-threads": [...FUSED, ...SHARED],
};

/** @returns {Promise<Record<string, Uint8Array>>} file name → content */
export async function compileKernels() {
  const source = await readFile(SOURCE, "utf8");
  const files = {};
  for (const [name, flags] of Object.entries(VARIANTS)) {
    const { error, stderr } = await asc.main(
      ["convolutions.ts", ...FLAGS, ...flags, "--outFile", `${name}.wasm`],
      {
        readFile: (file) => (path.basename(file) === "convolutions.ts" ? source : null),
        writeFile: (file, content) => (files[file] = content),
        listFiles: () => [],
      },
    );
    if (error) throw new Error(`${name}: ${error.message}\n${stderr}`);
  }
  return files;
}
