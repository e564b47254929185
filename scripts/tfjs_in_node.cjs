/**
 * An export for TF.js run in Node, on the wasm backend with one thread.
 *
 *     node scripts/tfjs_in_node.cjs answers EXPORT CASES
 *     node scripts/tfjs_in_node.cjs profile EXPORT [HEIGHTxWIDTH]
 *
 * EXPORT is a directory that `fctsfn export --format tfjs` made. CASES holds cases.json, a list of
 * {"height", "width"}, and for each place i in it the arrays <i>.image and <i>.click_maps, float32
 * of shapes [1, height, width, 3] and [1, height, width, channels]; <i>.logits is written beside
 * them. `profile` prints what the kernels of both parts take on random input (default 384x384).
 *
 * The packages of TF.js come from web/node_modules (`npm ci` in web/), or from the directory that
 * the environment variable FCTSFN_NODE_MODULES names.
 */

const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const RUNS = 40; // profiled runs of each part

const modules =
  process.env.FCTSFN_NODE_MODULES ?? path.join(__dirname, "..", "web", "node_modules");
const load = createRequire(path.join(modules, "x.js"));
const tf = load("@tensorflow/tfjs-core");
const { loadGraphModel } = load("@tensorflow/tfjs-converter");
const wasm = load("@tensorflow/tfjs-backend-wasm");

/** A part of an export, read from the disk. */
function readPart(file) {
  const model = JSON.parse(fs.readFileSync(file, "utf-8"));
  const paths = model.weightsManifest.flatMap((group) => group.paths);
  const data = Buffer.concat(
    paths.map((name) => fs.readFileSync(path.join(path.dirname(file), name))),
  );
  return loadGraphModel({
    load: async () => ({
      ...model,
      weightSpecs: model.weightsManifest.flatMap((group) => group.weights),
      weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
    }),
  });
}

/** Both parts of an export as functions of tensors, and the number of click maps. */
async function readExport(directory) {
  const manifest = JSON.parse(fs.readFileSync(path.join(directory, "manifest.json"), "utf-8"));
  const { image_part: image, click_part: click } = manifest;
  const imagePart = await readPart(path.join(directory, image.file));
  const clickPart = await readPart(path.join(directory, click.file));
  return {
    channels: manifest.click_maps.channels,
    encode: (x) => imagePart.execute({ [image.image]: x }, image.features),
    click: (features, maps) => {
      const inputs = Object.fromEntries(click.features.map((name, i) => [name, features[i]]));
      return clickPart.execute({ ...inputs, [click.click_maps]: maps }, click.logits);
    },
  };
}

function readTensor(file, shape) {
  const data = fs.readFileSync(file);
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  return tf.tensor(new Float32Array(bytes), shape);
}

/** Write the logits of every case; fail if tensors were left behind. */
async function answers(network, directory) {
  const cases = JSON.parse(fs.readFileSync(path.join(directory, "cases.json"), "utf-8"));
  const before = tf.memory().numTensors;
  for (const [i, { height, width }] of cases.entries()) {
    const logits = tf.tidy(() => {
      const image = readTensor(path.join(directory, `${i}.image`), [1, height, width, 3]);
      const shape = [1, height, width, network.channels];
      const maps = readTensor(path.join(directory, `${i}.click_maps`), shape);
      return network.click(network.encode(image), maps);
    });
    fs.writeFileSync(path.join(directory, `${i}.logits`), Buffer.from((await logits.data()).buffer));
    logits.dispose();
  }
  const left = tf.memory().numTensors - before;
  if (left !== 0) throw new Error(`${left} tensors were left behind`);
}

/**
 * What the kernels of `run` take: [name, calls, milliseconds], the most expensive first. Of every
 * call the fastest of all runs counts, so that other programs on the machine disturb little.
 */
async function kernels(run) {
  const fastest = [];
  for (let i = 0; i < RUNS; i++) {
    const profile = await tf.profile(() => tf.dispose(run()));
    // "<op>__op" is the same time once more.
    const calls = profile.kernels.filter(({ name }) => !name.includes("__op"));
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

async function profile(network, size) {
  const [height, width] = size.split("x").map(Number);
  const image = tf.randomUniform([1, height, width, 3], 0, 255);
  const maps = tf.randomUniform([1, height, width, network.channels], 0, 1);
  const features = network.encode(image);
  const parts = { image: () => network.encode(image), click: () => network.click(features, maps) };
  for (const [name, run] of Object.entries(parts)) {
    const rows = await kernels(run);
    const total = rows.reduce((sum, [, , time]) => sum + time, 0);
    console.log(`\n| ${name} part, ${size} | calls | ms |\n|---|---:|---:|`);
    for (const [kernel, calls, time] of rows.filter((row) => row[2] >= 0.1)) {
      console.log(`| ${kernel} | ${calls} | ${time.toFixed(1)} |`);
    }
    console.log(`| all | | ${total.toFixed(0)} |`);
  }
}

async function main() {
  const [what, directory, argument] = process.argv.slice(2);
  const packageFile = load.resolve("@tensorflow/tfjs-backend-wasm/package.json");
  wasm.setWasmPaths(path.join(path.dirname(packageFile), "dist") + path.sep);
  await tf.setBackend("wasm");
  const network = await readExport(directory);
  if (what === "answers") return answers(network, argument);
  if (what === "profile") return profile(network, argument ?? "384x384");
  throw new Error(`answers or profile was expected, ${what} came`);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
