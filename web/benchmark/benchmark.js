/**
 * Load, encode and click on every backend of TensorFlow.js that works here, beside the same network
 * through onnxruntime-web, in the same run: for the ratio, since seconds differ between machines.
 *
 * The page's address says what: ?backends=wasm,webgl&onnx=1&runs=30
 */

import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend, describeBackend } from "../src/engine/networks/backends.js";
import { loadNetwork } from "../src/engine/networks/network.js";

// What a photograph of 4:3 becomes.
const [HEIGHT, WIDTH] = [288, 384];
const [MIN_RUNS, MAX_MS] = [3, 20_000]; // slow backends are measured with fewer runs
const ORT = "onnxruntime-web, wasm";

const parameters = new URLSearchParams(location.search);
const runs = Number(parameters.get("runs") ?? 30);
const base = new URL("../", location.href);

/** A network's two parts and how long they took to come: {load, encode, click, dispose}. */
async function tensorflowJs(backend) {
  const started = performance.now();
  await chooseBackend(base.href, backend);
  const network = await loadNetwork(new URL("model/", base).href, () => {});
  const load = performance.now() - started;
  let features = null;
  return {
    name: `TensorFlow.js, ${describeBackend(backend)}`,
    load,
    async encode(image) {
      if (features) network.release(features);
      features = await network.encode(image, HEIGHT, WIDTH);
    },
    click: (maps) => network.click(features, maps, HEIGHT, WIDTH),
    dispose() {
      network.release(features);
      network.dispose();
      tf.removeBackend(backend);
    },
  };
}

/** The same through onnxruntime-web; the folder is what `fctsfn export --format onnx` wrote. */
async function onnxRuntime() {
  const started = performance.now();
  const ort = await import(new URL("./ort.mjs", location.href).href);
  ort.env.wasm.numThreads = 1; // as many as TensorFlow.js has where a page is not isolated
  const manifest = await (await fetch("./onnx/manifest.json")).json();
  const open = (part) => ort.InferenceSession.create(`./onnx/${part.file}`);
  const { image_part: imagePart, click_part: clickPart } = manifest;
  const [imageSession, clickSession] = [await open(imagePart), await open(clickPart)];
  const load = performance.now() - started;
  let features = null;
  return {
    name: ORT,
    load,
    async encode(image) {
      const input = new ort.Tensor("float32", image, [1, HEIGHT, WIDTH, 3]);
      const outputs = await imageSession.run({ [imagePart.image]: input });
      features = imagePart.features.map((name) => outputs[name]);
    },
    async click(maps) {
      const feeds = {
        [clickPart.click_maps]: new ort.Tensor("float32", maps, [1, HEIGHT, WIDTH, 3]),
      };
      clickPart.features.forEach((name, i) => (feeds[name] = features[i]));
      return (await clickSession.run(feeds))[clickPart.logits].data;
    },
  };
}

/**
 * Times of several ways to do the same, in milliseconds: one after the other in every round, so that
 * what else the machine does falls on all of them.
 *
 * @param {(() => Promise<any>)[]} ways
 * @returns {Promise<number[][]>} sorted times per way, without a first round
 */
async function timed(ways) {
  const times = ways.map(() => []);
  const started = performance.now();
  const isEnough = () => {
    const rounds = times[0].length;
    if (rounds < MIN_RUNS) return false;
    return rounds >= runs || performance.now() - started > MAX_MS;
  };
  for (const way of ways) await way();
  while (!isEnough()) {
    for (const [i, way] of ways.entries()) {
      const before = performance.now();
      await way();
      times[i].push(performance.now() - before);
    }
  }
  return times.map((list) => list.sort((a, b) => a - b));
}

/** The value below which a share of the sorted times lies. */
function quantile(times, share) {
  return times[Math.min(times.length - 1, Math.floor(share * times.length))];
}

/** Measure an engine and, round by round beside it, the reference. */
async function measure(engine, reference) {
  const image = Float32Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (i * 37) % 256);
  const maps = new Float32Array(HEIGHT * WIDTH * 3);
  for (let row = 140; row < 150; row++) {
    for (let col = 190; col < 200; col++) maps[3 * (row * WIDTH + col)] = 1;
  }
  const engines = reference ? [engine, reference] : [engine];
  const encode = await timed(engines.map((one) => () => one.encode(image)));
  const click = await timed(engines.map((one) => () => one.click(maps)));
  const logits = await Promise.all(engines.map((one) => one.click(maps)));
  return engines.map(({ name, load }, i) => ({
    name,
    load,
    encode: summary(encode, i),
    click: summary(click, i),
    logits: logits[i],
  }));
}

/** Median and 95th percentile of a way's times, and its median as a multiple of the last way's. */
function summary(times, i) {
  const [median, p95] = [quantile(times[i], 0.5), quantile(times[i], 0.95)];
  return { median, p95, ratio: median / quantile(times.at(-1), 0.5) };
}

/** The rows as a table of Markdown; a ratio below 1 is quicker than onnxruntime-web. */
function table(rows) {
  const ms = ({ median, p95, ratio }) =>
    `${median.toFixed(0)} | ${p95.toFixed(0)} | ${ratio.toFixed(2)}×`;
  return [
    "| engine | load s | encode ms | p95 | ratio | click ms | p95 | ratio |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
    ...rows.map((row) =>
      ["", row.name, (row.load / 1000).toFixed(1), ms(row.encode), ms(row.click), ""]
        .join(" | ")
        .trim(),
    ),
  ].join("\n");
}

const [rows, failures] = [[], []];
const reference = parameters.get("onnx") ? await onnxRuntime() : null;
for (const backend of (parameters.get("backends") ?? "webgpu,webgl,wasm").split(",")) {
  try {
    const engine = await tensorflowJs(backend);
    rows.push(...(await measure(engine, reference)));
    engine.dispose();
  } catch (error) {
    failures.push(`${backend}: ${error.message}`);
  }
  document.querySelector("#table").textContent = [table(rows), ...failures].join("\n");
}
const differences = rows.map(({ logits }) =>
  logits.reduce((most, value, i) => Math.max(most, Math.abs(value - rows[0].logits[i])), 0),
);
const same = `Largest difference of a logit to the first row: ${Math.max(...differences).toFixed(4)}`;
globalThis.benchmark = [table(rows), "", ...failures, same].join("\n");
document.querySelector("#table").textContent = globalThis.benchmark;
document.querySelector("#status").textContent = "Done.";
