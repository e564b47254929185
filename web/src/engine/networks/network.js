/** The exported network: two graph models of TensorFlow.js, one per image and one per click. */

import { loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { CLICK_ENCODINGS, DISK_RADIUS, TRUNCATION } from "../clicks/clickMaps.js";
import { InputError } from "../errors.js";
import { CUT_OFF_SHARE, EVEN_ODDS, SIDE_MULTIPLE } from "../predict/views.js";

const MANIFEST = "manifest.json";
const FORMAT = 1;
const WARM_UP_SIZE = 64;

/**
 * Fetch and build the network.
 *
 * @param {string} folder URL that ends in "/"
 * @param {(fraction: number) => void} onProgress share of the network that has come
 * @returns {Promise<GraphNetwork>}
 */
export async function loadNetwork(folder, onProgress) {
  const manifest = await fetchManifest(folder);
  const fetched = { image_part: 0, click_part: 0 }; // share of each
  const load = (name) =>
    loadGraphModel(new URL(manifest[name].file, folder).href, {
      onProgress: (fraction) => {
        fetched[name] = fraction;
        onProgress(shareOf(manifest, fetched));
      },
    });
  const [imagePart, clickPart] = await Promise.all([load("image_part"), load("click_part")]);
  const network = new GraphNetwork(manifest, imagePart, clickPart);
  await network.warmUp();
  return network;
}

/** How much of all bytes has come, when of each part a share has. */
function shareOf(manifest, fetched) {
  let [come, all] = [0, 0];
  for (const [name, share] of Object.entries(fetched)) {
    const [folder] = manifest[name].file.split("/");
    for (const { path, bytes } of manifest.files) {
      if (!path.startsWith(`${folder}/`)) continue;
      come += share * bytes;
      all += bytes;
    }
  }
  return come / all;
}

async function fetchManifest(folder) {
  const url = new URL(MANIFEST, folder);
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) {
    throw new InputError(
      "The network could not be fetched. Check the connection and load the page again. " +
        `Received ${response ? `HTTP ${response.status}` : "no answer"} for ${url.pathname}.`,
    );
  }
  const manifest = await response.json();
  if (manifest.format !== FORMAT) {
    throw new InputError(
      `This page reads exports of format ${FORMAT}. Export the preset again with the fctsfn of the ` +
        `same version. Received format ${manifest.format}.`,
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
    [maps.disk_radius, DISK_RADIUS],
    [maps.truncation, TRUNCATION],
  ];
  if (pairs.some(([exported, here]) => exported !== here)) {
    throw new InputError(
      "The export was made for another version of this page. Export the preset again with the " +
        `fctsfn of the same version. Received ${JSON.stringify({ ...views, ...maps })}.`,
    );
  }
}

/** A network as `Predictor` wants it; see there. */
class GraphNetwork {
  #imagePart;
  #clickPart;

  constructor(manifest, imagePart, clickPart) {
    this.manifest = manifest;
    this.#imagePart = imagePart;
    this.#clickPart = clickPart;
  }

  /** @returns {Promise<tf.Tensor[]>} in the order that the click part takes them */
  async encode(image, height, width) {
    const { image: name, features: names } = this.manifest.image_part;
    const input = tf.tensor4d(image, [1, height, width, 3]);
    const features = this.#imagePart.execute({ [name]: input }, names);
    input.dispose();
    // Graphics cards work in the background; fetching a number waits for them.
    const last = tf.tidy(() => tf.slice(tf.reshape(features.at(-1), [-1]), 0, 1));
    await last.data();
    last.dispose();
    return features;
  }

  async click(features, maps, height, width) {
    const channels = maps.length / (height * width);
    const input = tf.tensor4d(maps, [1, height, width, channels]);
    const { features: names, click_maps: mapsName, logits: logitsName } = this.manifest.click_part;
    const feeds = { [mapsName]: input };
    names.forEach((name, i) => (feeds[name] = features[i]));
    const logits = this.#clickPart.execute(feeds, logitsName);
    const values = await logits.data();
    tf.dispose([input, logits]);
    return values;
  }

  /** Run both parts once on a small image: weights are packed and programs built before a click. */
  async warmUp() {
    const pixels = WARM_UP_SIZE ** 2;
    const channels = CLICK_ENCODINGS[this.manifest.predictor.click_encoding];
    const features = await this.encode(new Float32Array(3 * pixels), WARM_UP_SIZE, WARM_UP_SIZE);
    const maps = new Float32Array(channels * pixels);
    await this.click(features, maps, WARM_UP_SIZE, WARM_UP_SIZE);
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
