/**
 * Load, encode and click on every backend of TensorFlow.js that works here, beside the same network
 * with the convolutions that TensorFlow.js brings, and through onnxruntime-web, in the same run: for
 * the ratio, since seconds differ between machines. Then where the time goes, kernel by kernel.
 *
 * It runs in a worker, as the engine does; page.js shows what it tells. Its address says what:
 * ?backends=wasm,webgl&onnx=1&runs=30
 */

import * as tf from "@tensorflow/tfjs-core";
import { chooseBackend, describeBackend } from "../src/engine/networks/backends.js";
import { loadNetwork } from "../src/engine/networks/network.js";

// What a photograph of 4:3 becomes.
const [HEIGHT, WIDTH] = [288, 384];
const [MIN_RUNS, MAX_MS] = [3, 20_000]; // slow backends are measured with fewer runs
const ORT = "onnxruntime-web, wasm";
// The kernels that `installConvolutions` replaces.
const REPLACED = ["FusedConv2D", "Conv2D", "FusedDepthwiseConv2D", "DepthwiseConv2dNative"];
// What TensorFlow.js brings, before any backend is chosen.
const own = REPLACED.map((name) => tf.getKernel(name, "wasm"));

const parameters = new URLSearchParams(location.search);
const runs = Number(parameters.get("runs") ?? 30);
const base = new URL("../", location.href);
const wasmFiles = Object.fromEntries(
  [
    ...["tfjs-backend-wasm", "tfjs-backend-wasm-simd", "tfjs-backend-wasm-threaded-simd"],
    ...["convolutions-fma", "convolutions-fma-threads", "convolutions-threads"],
  ].map((name) => [`${name}.wasm`, new URL(`${name}.wasm`, base).href]),
);

/**
 * A network's two parts and how long they took to come: {name, load, encode, click, profile, dispose},
 * and for WebAssembly the same with the convolutions that TensorFlow.js brings.
 */
async function tensorflowJs(backend) {
  const engine = await loaded(backend);
  if (backend !== "wasm") return [engine];
  const ours = REPLACED.map((name) => tf.getKernel(name, "wasm"));
  const withKernels = (kernels, run) => {
    for (const config of kernels) {
      tf.unregisterKernel(config.kernelName, "wasm");
      tf.registerKernel(config);
    }
    return run();
  };
  const { encode, click, profile } = engine;
  const using = (kernels, name) => ({
    ...engine,
    name,
    encode: (image) => withKernels(kernels, () => encode(image)),
    click: (maps) => withKernels(kernels, () => click(maps)),
    profile: (...inputs) => withKernels(kernels, () => profile(...inputs)),
  });
  return [using(ours, engine.name), using(own, `${engine.name}, TensorFlow.js' convolutions`)];
}

async function loaded(backend) {
  const started = performance.now();
  await chooseBackend(wasmFiles, backend);
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
    async profile(image, maps) {
      const encode = async () => network.release(await network.encode(image, HEIGHT, WIDTH));
      const click = () => network.click(features, maps, HEIGHT, WIDTH);
      return { image: await kernels(encode), click: await kernels(click) };
    },
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
 * What the kernels of a part take: [name, calls, milliseconds], the most expensive first. Of every
 * call the fastest of all runs counts, so that other programs on the machine disturb little.
 */
async function kernels(run) {
  const fastest = [];
  for (let i = 0; i < MIN_RUNS + runs; i++) {
    const calls = (await tf.profile(run)).kernels.filter(({ name }) => !name.includes("__op"));
    for (const [place, { name, kernelTimeMs }] of calls.entries()) {
      const time = await kernelTimeMs;
      fastest[place] = { name, time: Math.min(time, fastest[place]?.time ?? Infinity) };
    }
  }
  const sums = new Map();
  for (const { name, time } of fastest) {
    const [calls, sum] = sums.get(name) ?? [0, 0];
    sums.set(name, [calls + 1, sum + time]);
  }
  return [...sums].map(([name, sum]) => [name, ...sum]).sort((a, b) => b[2] - a[2]);
}

/** Profiles of several engines as tables of Markdown: calls, then milliseconds on each. */
function profileTable(part, profiles) {
  const ms = (profile, name) => profile.find(([other]) => other === name)?.[2] ?? 0;
  const sum = (profile) => profile.reduce((all, [, , time]) => all + time, 0);
  const line = (name, calls, times) =>
    `| ${name} | ${calls} | ${times.map((time) => time.toFixed(1)).join(" | ")} |`;
  return [
    `| ${part} part | calls |${profiles.map((_, i) => ` ms, row ${i + 1} |`).join("")}`,
    `|---|---:|${"---:|".repeat(profiles.length)}`,
    ...profiles[0]
      .filter(([name]) => profiles.some((profile) => ms(profile, name) >= 0.1))
      .map(([name, calls]) =>
        line(
          name,
          calls,
          profiles.map((profile) => ms(profile, name)),
        ),
      ),
    line("all", "", profiles.map(sum)),
  ].join("\n");
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

/** Measure engines, round by round in turn; ratios are to the last one. */
async function measure(engines) {
  const image = Float32Array.from({ length: HEIGHT * WIDTH * 3 }, (_, i) => (i * 37) % 256);
  const maps = new Float32Array(HEIGHT * WIDTH * 3);
  for (let row = 140; row < 150; row++) {
    for (let col = 190; col < 200; col++) maps[3 * (row * WIDTH + col)] = 1;
  }
  const encode = await timed(engines.map((one) => () => one.encode(image)));
  const click = await timed(engines.map((one) => () => one.click(maps)));
  const logits = [];
  for (const one of engines) logits.push(await one.click(maps));
  const profiles = [];
  for (const one of engines.filter((one) => one.profile))
    profiles.push(await one.profile(image, maps));
  for (const part of ["image", "click"]) {
    tables.push(
      profileTable(
        part,
        profiles.map((profile) => profile[part]),
      ),
    );
  }
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

/** The rows as a table of Markdown; a ratio below 1 is quicker than the last row. */
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

const [rows, tables, failures] = [[], [], []];
const reference = parameters.get("onnx") ? await onnxRuntime() : null;
for (const backend of (parameters.get("backends") ?? "webgpu,webgl,wasm").split(",")) {
  try {
    const engines = await tensorflowJs(backend);
    rows.push(...(await measure(reference ? [...engines, reference] : engines)));
    engines[0].dispose();
  } catch (error) {
    failures.push(`${backend}: ${error.message}`);
  }
  postMessage({ text: [table(rows), ...failures].join("\n"), isDone: false });
}
const differences = rows.map(({ logits }) =>
  logits.reduce((most, value, i) => Math.max(most, Math.abs(value - rows[0].logits[i])), 0),
);
const same = `Largest difference of a logit to the first row: ${Math.max(...differences).toFixed(4)}`;
const texts = [table(rows), "", ...failures, same, ...tables.map((one) => `\n${one}`)];
postMessage({ text: texts.join("\n"), isDone: true });
