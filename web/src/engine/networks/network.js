/** The exported network: two graph models of TensorFlow.js, one per image and one per click. */

import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { CLICK_ENCODINGS, DISK_RADIUS, TRUNCATION } from "../clicks/clickMaps.js";
import { LoadError } from "../errors.js";
import { CLOSER_GAIN, SAME_IOU, SMALL_SHARE } from "../predict/firstLook.js";
import {
  CLOSER_SHARE,
  CLOSEST_SIDE,
  CUT_OFF_SHARE,
  EVEN_ODDS,
  SIDE_MULTIPLE,
} from "../predict/views.js";

const MANIFEST = "manifest.json";
const FORMAT = 1;
const KIND = "tfjs";
const WARM_UP_SIZE = 64;

/**
 * Fetch and build the network.
 *
 * @param {string} folder URL that ends in "/"
 * @param {(fraction: number) => void} onProgress share of the network that has come
 * @returns {Promise<GraphNetwork>}
 */
export async function loadNetwork(folder, onProgress) {
  const manifest = await readManifest(folder);
  const names = [manifest.image_part.file, manifest.click_part.file];
  const parts = names.map((name) => filesOf(manifest, name));
  const bytes = parts.flat().reduce((sum, file) => sum + file.bytes, 0);
  let come = 0;
  const take = (length) => {
    come += length;
    onProgress(Math.min(come / bytes, 1));
  };
  const load = async (files) =>
    graphOf(await Promise.all(files.map((file) => readChecked(folder, file, take))));
  const [imagePart, clickPart] = await Promise.all(parts.map(load));
  const network = new GraphNetwork(manifest, imagePart, clickPart);
  await network.warmUp();
  return network;
}

/**
 * A part's entries in the manifest: its graph, then its weights in their order.
 *
 * @returns {{path: string, bytes: number, sha256: string}[]}
 */
function filesOf(manifest, name) {
  const [folder] = name.split("/");
  const isWeights = ({ path }) => path.startsWith(`${folder}/`) && path !== name;
  const graph = manifest.files.find(({ path }) => path === name);
  return [graph, ...manifest.files.filter(isWeights)];
}

/**
 * The graph model of a part's files.
 *
 * @param {Uint8Array[]} files
 */
function graphOf([graph, ...weights]) {
  const { modelTopology, weightsManifest, signature, ...rest } = JSON.parse(
    new TextDecoder().decode(graph),
  );
  const artifacts = {
    ...rest,
    modelTopology,
    signature,
    weightSpecs: weightsManifest.flatMap((group) => group.weights),
    weightData: weights.length === 1 ? weights[0].buffer : joined(weights),
  };
  return loadGraphModel({ load: async () => artifacts });
}

function joined(arrays) {
  const all = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const array of arrays) {
    all.set(array, start);
    start += array.length;
  }
  return all.buffer;
}

/**
 * A file of the export, with the bytes that the manifest promises. Where others came they are fetched
 * once more, past what browser and service worker keep.
 *
 * @param {string} folder
 * @param {{path: string, bytes: number, sha256: string}} file
 * @param {(length: number) => void} take told of the bytes that have come
 */
async function readChecked(folder, { path, bytes, sha256 }, take) {
  const url = new URL(path, folder);
  let data = await read(url, take);
  for (const cache of ["reload", null]) {
    // Where a page is not secure (http), browsers have no hashes.
    const isRight = data.length === bytes && (!crypto.subtle || (await sha256Of(data)) === sha256);
    if (isRight) return data;
    if (cache !== null) data = await read(url, () => {}, /** @type {RequestCache} */ (cache));
  }
  throw new LoadError(
    `The network's file ${path} is damaged: it is not the one that its export wrote. Try again; if ` +
      "that does not help, copy the export to the host anew. Expected " +
      `${bytes} bytes of SHA-256 ${sha256.slice(0, 8)}…; received ${data.length} bytes.`,
  );
}

async function sha256Of(data) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * What is at an address.
 *
 * @param {URL} url
 * @param {(length: number) => void} take told of the bytes that have come
 * @param {RequestCache} [cache]
 */
async function read(url, take, cache = "default") {
  const failed = (what, retryable) =>
    new LoadError(
      "The network could not be fetched. Check the connection and try again. " +
        `Received ${what} for ${url.pathname}.`,
      retryable,
    );
  const response = await fetch(url, { cache }).catch(() => null);
  if (response === null) throw failed("no answer", true);
  if (!response.ok) throw failed(`HTTP ${response.status}`, response.status !== 404);
  const chunks = [];
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw failed("only a part", true);
    });
    if (done) return new Uint8Array(joined(chunks));
    chunks.push(value);
    take(value.length);
  }
}

async function readManifest(folder) {
  const url = new URL(MANIFEST, folder);
  const text = new TextDecoder().decode(await read(url, () => {}));
  let manifest;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw new LoadError(
      `${url.pathname} is no manifest of an export, or it is damaged. Check the address and try ` +
        `again. Received ${JSON.stringify(text.slice(0, 40))}.`,
    );
  }
  if (manifest.format !== FORMAT || manifest.kind !== KIND) {
    throw new LoadError(
      `This page reads exports of format ${FORMAT} and kind ${KIND}. Export the preset again with the ` +
        `fctsfn of the same version. Received format ${manifest.format}, kind ${manifest.kind}.`,
      false,
    );
  }
  checkConstants(manifest);
  return manifest;
}

/** What a network was measured with must be what this module computes. */
function checkConstants({ views, click_maps: maps }) {
  const pairs = [
    [views.side_multiple, SIDE_MULTIPLE],
    [views.even_odds, EVEN_ODDS],
    [views.cut_off_share, CUT_OFF_SHARE],
    // Exports from before there were candidates have none of these.
    [views.closer_share ?? CLOSER_SHARE, CLOSER_SHARE],
    [views.closest_side ?? CLOSEST_SIDE, CLOSEST_SIDE],
    [views.same_iou ?? SAME_IOU, SAME_IOU],
    [views.small_share ?? SMALL_SHARE, SMALL_SHARE],
    [views.closer_gain ?? CLOSER_GAIN, CLOSER_GAIN],
    [maps.disk_radius, DISK_RADIUS],
    [maps.truncation, TRUNCATION],
  ];
  if (pairs.some(([exported, here]) => exported !== here)) {
    throw new LoadError(
      "The export was made for another version of this page. Export the preset again with the " +
        `fctsfn of the same version. Received ${JSON.stringify({ ...views, ...maps })}.`,
      false,
    );
  }
}

/** A network as `Predictor` wants it; see there. */
class GraphNetwork {
  #imagePart;
  #clickPart;
  numCandidates = 0; // once it is warm

  constructor(manifest, imagePart, clickPart) {
    this.manifest = manifest;
    this.#imagePart = imagePart;
    this.#clickPart = clickPart;
  }

  /** @returns {Promise<tf.Tensor[]>} in the order that the click part takes them */
  async encode(image, height, width) {
    const { image: name, features: names } = this.manifest.image_part;
    const input = tf.tensor4d(image, [1, height, width, 3]);
    const features = [this.#imagePart.execute({ [name]: input }, names)].flat(); // one alone is no list
    input.dispose();
    // Graphics cards work in the background; fetching a number waits for them.
    const last = tf.tidy(() => tf.slice(tf.reshape(features.at(-1), [-1]), 0, 1));
    await last.data();
    last.dispose();
    return features;
  }

  async click(features, maps, height, width) {
    const [logits] = await this.#clickOutputs(["logits"], features, maps, height, width);
    return logits;
  }

  async answers(features, maps, height, width) {
    const wanted = ["logits", "candidates", "predicted_iou"];
    const found = await this.#clickOutputs(wanted, features, maps, height, width);
    const [answer, candidates, iouLogits] = found;
    const count = candidates.length / answer.length;
    const others = Array.from({ length: count }, (_, k) =>
      answer.map((_, pixel) => candidates[pixel * count + k]),
    );
    return { logits: [answer, ...others], iouLogits };
  }

  /** The values of the click part's outputs that the manifest has under these names. */
  async #clickOutputs(wanted, features, maps, height, width) {
    const part = this.manifest.click_part;
    const channels = maps.length / (height * width);
    const input = tf.tensor4d(maps, [1, height, width, channels]);
    const feeds = { [part.click_maps]: input };
    part.features.forEach((name, i) => (feeds[name] = features[i]));
    const outputs = this.#clickPart.execute(
      feeds,
      wanted.map((name) => part[name]),
    );
    const values = await Promise.all([outputs].flat().map((output) => output.data()));
    tf.dispose([input, outputs]);
    return values;
  }

  /** Run both parts once on a small image: weights are packed and programs built before a click. */
  async warmUp() {
    const pixels = WARM_UP_SIZE ** 2;
    const channels = CLICK_ENCODINGS[this.manifest.predictor.click_encoding];
    const features = await this.encode(new Float32Array(3 * pixels), WARM_UP_SIZE, WARM_UP_SIZE);
    const maps = new Float32Array(channels * pixels);
    await this.click(features, maps, WARM_UP_SIZE, WARM_UP_SIZE);
    if ("candidates" in this.manifest.click_part) {
      const { logits } = await this.answers(features, maps, WARM_UP_SIZE, WARM_UP_SIZE);
      this.numCandidates = logits.length - 1;
    }
    this.release(features);
  }

  release(features) {
    tf.dispose(features);
  }

  dispose() {
    this.#imagePart.dispose();
    this.#clickPart.dispose();
  }
}
