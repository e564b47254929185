/**
 * Load, encode and click on every backend of TensorFlow.js that works here, beside the same network
 * through onnxruntime-web, in the same run: for the ratio, since seconds differ between machines.
 *
 * The page's address says what: ?backends=wasm,webgl&onnx=1&runs=30
 */

import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend, describeBackend } from "../src/backends.js";
import { loadNetwork } from "../src/network.js";

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
    dispose: () => Promise.all([imageSession.release(), clickSession.release()]),
  };
}

/** Times of `run` in milliseconds, sorted, after one that is not counted. */
async function timed(run) {
  await run();
  const times = [];
  const started = performance.now();
  while (times.length < MIN_RUNS || (times.length < runs && performance.now() - started < MAX_MS)) {
    const before = performance.now();
    await run();
    times.push(performance.now() - before);
  }
  return times.sort((a, b) => a - b);
}

/** The value below which a share of the sorted times lies. */
function quantile(times, share) {
  return times[Math.min(times.length - 1, Math.floor(share * times.length))];
}

async function measure(engine) {
  const image = Float32Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (i * 37) % 256);
  const maps = new Float32Array(HEIGHT * WIDTH * 3);
  for (let row = 140; row < 150; row++) {
    for (let col = 190; col < 200; col++) maps[3 * (row * WIDTH + col)] = 1;
  }
  const encode = await timed(() => engine.encode(image));
  const click = await timed(() => engine.click(maps));
  const logits = await engine.click(maps);
  await engine.dispose();
  const times = (sorted) => ({ median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) });
  const { name, load } = engine;
  return { name, load, encode: times(encode), click: times(click), logits };
}

/** The rows as a table of Markdown; ratios are to onnxruntime-web, below 1 is quicker. */
function table(rows) {
  const reference = rows.find(({ name }) => name === ORT);
  const ratio = (row, part) => {
    if (!reference || row === reference) return "";
    return `${(row[part].median / reference[part].median).toFixed(2)}×`;
  };
  const ms = ({ median, p95 }) => `${median.toFixed(0)} | ${p95.toFixed(0)}`;
  const lines = rows.map((row) =>
    [
      `| ${row.name} | ${(row.load / 1000).toFixed(1)}`,
      `${ms(row.encode)} | ${ratio(row, "encode")}`,
      `${ms(row.click)} | ${ratio(row, "click")} |`,
    ].join(" | "),
  );
  return [
    "| engine | load s | encode ms | p95 | ÷ ORT | click ms | p95 | ÷ ORT |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
    ...lines,
  ].join("\n");
}

const rows = [];
const failures = [];
const engines = (parameters.get("backends") ?? "webgpu,webgl,wasm")
  .split(",")
  .map((backend) => [backend, () => tensorflowJs(backend)]);
if (parameters.get("onnx")) engines.push([ORT, onnxRuntime]);
for (const [name, make] of engines) {
  try {
    rows.push(await measure(await make()));
  } catch (error) {
    failures.push(`${name}: ${error.message}`);
  }
  document.querySelector("#table").textContent = [table(rows), ...failures].join("\n");
}
const differences = rows.map(({ logits }) =>
  logits.reduce((most, value, i) => Math.max(most, Math.abs(value - rows[0].logits[i])), 0),
);
const same = `largest difference of a logit between the engines: ${Math.max(...differences).toExponential(1)}`;
globalThis.benchmark = [table(rows), ...failures, same].join("\n");
document.querySelector("#table").textContent = globalThis.benchmark;
document.querySelector("#status").textContent = "Done.";
