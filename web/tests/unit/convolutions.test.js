/** The convolutions that take the place of TensorFlow.js' own give what those give. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import * as tf from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { DIST } from "../../scripts/build.js";
import { installConvolutions } from "../../src/engine/networks/convolutions.js";

// Node 20 has the instructions, but wants to be asked; later ones have no such flag to ask with.
setFlagsFromString("--experimental-wasm-relaxed-simd");

const PACKAGE = new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url);
const CASES = [
  // [input height, width, channels], [kernel height, width], filters, strides, padding, dilation
  { input: [7, 9, 3], kernel: [3, 3], filters: 16, strides: 2, pad: "same" },
  { input: [6, 8, 5], kernel: [1, 1], filters: 13, strides: 1, pad: "same" },
  { input: [5, 7, 16], kernel: [3, 5], filters: 1, strides: 1, pad: "same" },
  { input: [9, 6, 4], kernel: [3, 3], filters: 8, strides: 1, pad: "valid" },
  { input: [9, 11, 4], kernel: [3, 3], filters: 9, strides: 1, pad: "same", dilation: 2 },
  { input: [9, 12, 24], kernel: [5, 5], strides: 1, pad: "same" },
  { input: [8, 6, 8], kernel: [3, 3], strides: 2, pad: "valid" },
  { input: [8, 6, 12], kernel: [3, 3], strides: 1, pad: "same" }, // not known to the kernels
  { input: [4, 4, 8], kernel: [3, 3], filters: 8, strides: 1, pad: "same", batch: 2 }, // neither
];

before(async () => {
  setWasmPaths(fileURLToPath(PACKAGE));
  assert.ok(await tf.setBackend("wasm"));
});

/** Numbers in [-1, 1] that look random. */
function numbers(shape, seed) {
  const length = shape.reduce((product, side) => product * side, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(seed + 12.9898 * i));
  return tf.tensor(values, shape);
}

/** A convolution with bias and activation, as a graph model asks for it. */
function convolve({ input, kernel, filters, strides, pad, dilation = 1, batch = 1 }, activation) {
  return tf.tidy(() => {
    const options = { strides, pad, dilations: dilation, activation };
    const x = numbers([batch, ...input], 1);
    const channels = input[2];
    if (filters === undefined) {
      const filter = numbers([...kernel, channels, 1], 2);
      const bias = numbers([channels], 3);
      return tf.fused.depthwiseConv2d({ x, filter, bias, ...options }).dataSync();
    }
    const filter = numbers([...kernel, channels, filters], 2);
    const bias = numbers([filters], 3);
    return tf.fused.conv2d({ x, filter, bias, ...options }).dataSync();
  });
}

test("they agree at every size, stride, padding and activation", async () => {
  const activations = ["linear", "relu", "relu6"];
  const all = () => CASES.map((one) => activations.map((activation) => convolve(one, activation)));
  const expected = all();
  const asked = []; // files
  const installed = await installConvolutions(tf.backend(), (name) => {
    asked.push(name);
    return readFile(path.join(DIST, name));
  });
  assert.deepEqual(asked, ["convolutions-fma.wasm"]);
  assert.equal(installed.threads, 1);
  const made = all();
  let [largest, differing] = [0, 0];
  expected.forEach((ofCase, i) =>
    ofCase.forEach((values, k) => {
      assert.equal(made[i][k].length, values.length);
      values.forEach((value, place) => {
        const difference = Math.abs(made[i][k][place] - value);
        assert.ok(
          difference < 1e-4,
          `${JSON.stringify(CASES[i])} ${activations[k]}: ${difference}`,
        );
        largest = Math.max(largest, difference);
        if (difference > 0) differing++;
      });
    }),
  );
  // Another rounding, so it was not TensorFlow.js that computed both times.
  assert.ok(differing > 0 && largest > 0);
  installed.remove();
  assert.deepEqual(all(), expected);
});

test("a browser without the instructions, or a host without the file, keeps TensorFlow.js' own", async () => {
  const own = tf.getKernel("FusedConv2D", "wasm");
  const broken = async () => Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 1);
  assert.equal(await installConvolutions(tf.backend(), broken), null);
  const missing = async () => Promise.reject(new Error("HTTP 404"));
  assert.equal(await installConvolutions(tf.backend(), missing), null);
  assert.equal(tf.getKernel("FusedConv2D", "wasm"), own);
});
