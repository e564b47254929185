/** A network with candidates, as TensorFlow.js runs it: the made-up one of fakeNetwork.js as a graph. */

import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadNetwork } from "../../src/engine/networks/network.js";
import { exported } from "./fakeExport.js";
import { FakeNetwork, noise } from "./fakeNetwork.js";

const FOLDER = "http://made.up/model/";
const [HEIGHT, WIDTH] = [32, 64];

test("answer, candidates and what IoU is expected of each", async (context) => {
  const content = exported();
  context.mock.method(globalThis, "fetch", async (url) => {
    return new Response(content[`${url}`.slice(FOLDER.length)]);
  });
  await tf.setBackend("cpu");
  const network = await loadNetwork(FOLDER, () => {});
  const expected = new FakeNetwork(true);
  assert.equal(network.numCandidates, expected.numCandidates);
  const image = Float32Array.from(noise(HEIGHT, WIDTH, 3));
  const maps = Float32Array.from(noise(HEIGHT, WIDTH, 3, 1));
  const before = tf.memory().numTensors;
  const features = await network.encode(image, HEIGHT, WIDTH);
  const answers = await network.answers(features, maps, HEIGHT, WIDTH);
  const logits = await network.click(features, maps, HEIGHT, WIDTH);
  network.release(features);
  assert.equal(tf.memory().numTensors, before);
  const known = await expected.encode(image, HEIGHT, WIDTH);
  const wanted = await expected.answers(known, maps, HEIGHT, WIDTH);
  const isClose = (one, other) => {
    assert.equal(one.length, other.length);
    one.forEach((value, i) => assert.ok(Math.abs(value - other[i]) < 1e-3, `${value} at ${i}`));
  };
  isClose(logits, wanted.logits[0]);
  assert.equal(answers.logits.length, wanted.logits.length);
  answers.logits.forEach((one, k) => isClose(one, wanted.logits[k]));
  isClose(answers.iouLogits, wanted.iouLogits);
});
