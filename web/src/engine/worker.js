/**
 * The worker behind `Segmenter`: it holds TensorFlow.js, the network and the workspace, so that the
 * page never waits for them. Messages in: {id, method, args}. Out: {id, result} or {id, error}, and
 * {id, progress}, {id, decoded} or {id, glance} before it.
 */

import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend, describeBackend } from "./networks/backends.js";
import { decodeMask, decodePhotograph } from "./images/decoding.js";
import { forPeople } from "./errors.js";
import { loadNetwork } from "./networks/network.js";
import { Predictor } from "./predict/predictor.js";
import { readMasks } from "./images/readMasks.js";
import { RequestQueue } from "./requests.js";
import { Workspace } from "./predict/workspace.js";

let network = null;
let predictor = null;
let workspace = null;
let answering = 0; // id of the request that is being answered; there is only one at a time

/** What is done at once; the result is sent as it is. */
const actions = {
  async load(url, { backend }) {
    const name = await chooseBackend(new URL("./", import.meta.url).href, backend);
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
    postMessage({ id: answering, decoded: { bitmap, isScaled } }, { transfer: [bitmap] });
    await workspace.setImage(photograph);
  },
  async setMask(mask) {
    const { height, width } = predictor.imageSize;
    workspace.setMask(mask instanceof Blob ? await decodeMask(mask, height, width) : mask);
  },
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
  dispose() {
    predictor?.dispose();
    network?.dispose();
    network = predictor = workspace = null;
  },
};

/** Steps of the workspace, whose answer is a snapshot. */
const steps = [
  ...["click", "setClicks", "undo", "redo", "reset", "setThreshold"],
  ...["newObject", "selectObject", "removeObject"],
];
for (const step of steps) actions[step] = (...args) => workspace[step](...args);
actions.click = (x, y, label) =>
  workspace.click(x, y, label, (glance) =>
    postMessage({ id: answering, glance }, { transfer: transferable(glance) }),
  );
const withSnapshot = new Set([...steps, "setImage", "setMask"]);

const queue = new RequestQueue({
  async run({ id, method, args }, isOvertaken) {
    answering = id;
    const result = await actions[method](...args);
    if (!withSnapshot.has(method)) return result;
    return isOvertaken() ? null : workspace.snapshot();
  },
  reply(id, { result, error }) {
    if (error) postMessage({ id, error: forPeople(error) });
    else postMessage({ id, result }, { transfer: transferable(result) });
  },
  nextTurn: () => new Promise((resolve) => setTimeout(resolve)),
});

onmessage = ({ data }) => queue.push(data);

/** Large arrays are handed over instead of copied. */
function transferable(result) {
  const arrays = [result?.mask, result?.others, result instanceof Float32Array ? result : null];
  return arrays.filter(Boolean).map((array) => array.buffer);
}
