/**
 * The worker behind `Segmenter`: it holds TensorFlow.js, the network and the workspace, so that the
 * page never waits for them. Messages in: {id, method, args}. Out: {id, result} or {id, error}, and
 * {id, progress}, {id, decoded} or {id, glance} before it.
 */

import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend, describeBackend } from "./networks/backends.js";
import { decodeMask, decodePhotograph } from "./images/decoding.js";
import { toSend } from "./errors.js";
import { loadNetwork } from "./networks/network.js";
import { Predictor } from "./predict/predictor.js";
import { readMasks } from "./images/readMasks.js";
import { RequestQueue } from "./requests.js";
import { Workspace } from "./predict/workspace.js";

// Written out, so that bundlers find the files; of each group only one is fetched.
const WASM_FILES = {
  "tfjs-backend-wasm.wasm": "", // for browsers without SIMD, which are too old for other reasons, too
  "tfjs-backend-wasm-simd.wasm": new URL("./tfjs-backend-wasm-simd.wasm", import.meta.url).href,
  "tfjs-backend-wasm-threaded-simd.wasm": new URL(
    "./tfjs-backend-wasm-threaded-simd.wasm",
    import.meta.url,
  ).href,
  "convolutions-fma.wasm": new URL("./convolutions-fma.wasm", import.meta.url).href,
  "convolutions-fma-threads.wasm": new URL("./convolutions-fma-threads.wasm", import.meta.url).href,
  "convolutions-threads.wasm": new URL("./convolutions-threads.wasm", import.meta.url).href,
};

let network = null;
let predictor = null;
let workspace = null;
let answering = 0; // id of the request that is being answered; there is only one at a time

/** What is done at once; the result is sent as it is. */
const actions = {
  async load(url, { backend }) {
    const name = await chooseBackend(WASM_FILES, backend);
    network = await loadNetwork(url, (fraction) =>
      postMessage({ id: answering, progress: fraction }),
    );
    predictor = new Predictor(network, network.manifest.predictor);
    workspace = new Workspace(predictor);
    const { threshold } = predictor.config;
    const { preset, licence } = network.manifest;
    return {
      backend: name,
      backendName: describeBackend(name),
      threshold,
      preset: preset.name,
      licence: licence ?? "",
    };
  },
  async setImage(source) {
    const { photograph, bitmap, isScaled } = await decodePhotograph(source);
    // It can be seen while the image part still runs.
    const { width, height } = photograph;
    const seen = { bitmap, width, height, isScaled };
    postMessage({ id: answering, decoded: seen }, { transfer: [bitmap] });
    await workspace.setImage(photograph);
  },
  async setMask(mask) {
    const { height, width } = predictor.imageSize;
    workspace.setMask(mask instanceof Blob ? await decodeMask(mask, height, width) : mask);
  },
  click: (x, y, label) =>
    workspace.click(x, y, label, (glance) =>
      postMessage({ id: answering, glance }, { transfer: transferable(glance) }),
    ),
  preview: (x, y) => workspace.preview(x, y),
  probability: () => workspace.probability(),
  file: (format, what) => workspace.file(format, what ?? {}),
  readMasks(file) {
    const { height, width } = predictor.imageSize;
    return readMasks(file, height, width);
  },
  memory() {
    const { numTensors, numBytes } = tf.memory();
    return { numTensors, numBytes };
  },
};

/** Steps of the workspace. */
for (const step of [
  ...["setClicks", "undo", "redo", "reset", "choose", "setThreshold"],
  ...["newObject", "selectObject", "removeObject"],
]) {
  actions[step] = (...args) => workspace[step](...args);
}

const queue = new RequestQueue({
  async run({ id, method, args }) {
    answering = id;
    return actions[method](...args);
  },
  show: () => workspace.snapshot(),
  reply(id, { result, error }) {
    if (error) postMessage({ id, error: toSend(error) });
    else postMessage({ id, result }, { transfer: transferable(result) });
  },
  nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
});

onmessage = ({ data }) => queue.push(data);

/** Large arrays are handed over instead of copied. */
function transferable(result) {
  const arrays = [result?.mask, result?.others, ArrayBuffer.isView(result) ? result : null];
  return arrays.filter(Boolean).map((array) => array.buffer);
}
