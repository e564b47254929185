/**
 * Which of TensorFlow.js' backends computes: the one that is quickest here, by trying.
 *
 * A fixed order would be wrong: a browser without a graphics card may emulate WebGL on the processor,
 * many times slower than WebAssembly.
 */

import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-webgl";
import "@tensorflow/tfjs-backend-webgpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { installConvolutions } from "./convolutions.js";

// In the order in which they are tried; of equals the first one wins.
export const BACKENDS = ["webgpu", "webgl", "wasm", "cpu"];
// The trial: a convolution about as large as one of the network's, timed after a first run.
const TRIAL_SIZE = 96;
const TRIAL_CHANNELS = 32;
const TRIAL_RUNS = 3;
// A backend that has not answered by then never will, in milliseconds.
const TRIAL_TIME = 15_000;

let readKernels = null; // file name → content
let convolutions = null; // of `installConvolutions`, once WebAssembly has been tried

/**
 * Switch to the quickest backend that works, or to the one asked for.
 *
 * @param {Record<string, string>} wasmFiles URLs of the .wasm files by their names
 * @param {string | undefined} wanted one of BACKENDS
 * @returns {Promise<string>} its name
 */
export async function chooseBackend(wasmFiles, wanted) {
  setWasmPaths(wasmFiles);
  readKernels = async (name) => {
    const response = await fetch(wasmFiles[name]);
    if (!response.ok) throw new Error(`HTTP ${response.status} for ${name}`);
    return response.arrayBuffer();
  };
  // That an emulated WebGL is slower need not be measured, which would take seconds.
  const isCandidate = (name) => name !== "webgl" || !isWebglEmulated();
  const names = wanted ? [wanted] : BACKENDS.filter(isCandidate);
  let [best, least] = [null, Infinity];
  for (const name of names) {
    // Plain JavaScript is for browsers that have nothing else.
    if (name === "cpu" && best !== null) break;
    const ms = await trial(name);
    if (ms < least) [best, least] = [name, ms];
  }
  if (best === null) {
    throw new Error(`None of the backends ${names.join(", ")} works in this browser.`);
  }
  await tf.setBackend(best);
  if (best !== "wasm") removeWasm(); // its threads and its memory
  return best;
}

function removeWasm() {
  convolutions?.remove();
  convolutions = null;
  tf.removeBackend("wasm");
}

/** What the chosen backend is, for people. */
export function describeBackend(name) {
  if (name !== "wasm") return { webgpu: "WebGPU", webgl: "WebGL", cpu: "JavaScript" }[name];
  const simd = tf.env().get("WASM_HAS_SIMD_SUPPORT") ? ", SIMD" : "";
  const threads = convolutions?.threads > 1 ? `, ${convolutions.threads} threads` : "";
  return `WebAssembly${simd}${threads}`;
}

/** Whether WebGL is computed by the processor, as the name of its renderer says. */
function isWebglEmulated() {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  if (!info) return false;
  const renderer = context.getParameter(info.UNMASKED_RENDERER_WEBGL);
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|softpipe|software/i.test(renderer);
}

/** Milliseconds of a convolution on a backend; Infinity where it does not work. */
async function trial(name) {
  const never = new Promise((resolve) => setTimeout(resolve, TRIAL_TIME, Infinity));
  // No adapter, no context, no WebAssembly: the next one is tried.
  return Promise.race([measured(name).catch(() => Infinity), never]);
}

async function measured(name) {
  if (tf.findBackendFactory(name) === null || !(await tf.setBackend(name))) return Infinity;
  if (name === "wasm") {
    // Whatever is in the way: TensorFlow.js' own convolutions are there.
    convolutions ??= await installConvolutions(tf.backend(), readKernels).catch(() => null);
  }
  // Half precision would give other masks than Python.
  if (name === "webgl" && !tf.env().get("WEBGL_RENDER_FLOAT32_CAPABLE")) return Infinity;
  /** @type {tf.Tensor4D} */
  const image = tf.ones([1, TRIAL_SIZE, TRIAL_SIZE, TRIAL_CHANNELS]);
  /** @type {tf.Tensor4D} */
  const kernel = tf.ones([3, 3, TRIAL_CHANNELS, TRIAL_CHANNELS]);
  let least = Infinity;
  for (let run = 0; run <= TRIAL_RUNS; run++) {
    const started = performance.now();
    const result = tf.tidy(() => tf.mean(tf.conv2d(image, kernel, 1, "same")));
    const [value] = await result.data();
    result.dispose();
    if (!(value > 0)) return Infinity;
    if (run > 0) least = Math.min(least, performance.now() - started);
  }
  tf.dispose([image, kernel]);
  return least;
}
