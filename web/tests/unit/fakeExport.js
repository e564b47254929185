/** The network of fakeNetwork.js with candidates as an export for TensorFlow.js. */

import { createHash } from "node:crypto";
import { CANDIDATES, IOUS } from "./fakeNetwork.js";

const FLOAT = { type: "DT_FLOAT" };
const input = (name) => ({ name, op: "Placeholder", attr: { dtype: FLOAT } });
const node = (name, op, inputs, attr = {}) => ({
  name,
  op,
  input: inputs,
  attr: { T: FLOAT, ...attr },
});
const CONVOLUTION = {
  strides: { list: { i: ["1", "1", "1", "1"] } },
  dilations: { list: { i: ["1", "1", "1", "1"] } },
  padding: { s: Buffer.from("SAME").toString("base64") },
  data_format: { s: Buffer.from("NHWC").toString("base64") },
};

/** A file of a graph model, and its weights: `constants` are [shape, values] or whole axes, by name. */
function graphModel(nodes, constants) {
  const weights = [];
  const data = [];
  for (const [name, { shape, values, dtype = "float32" }] of Object.entries(constants)) {
    weights.push({ name, shape, dtype });
    data.push((dtype === "int32" ? Int32Array : Float32Array).from(values));
    const type = dtype === "int32" ? { type: "DT_INT32" } : FLOAT;
    nodes.unshift({ name, op: "Const", attr: { dtype: type } });
  }
  const model = {
    format: "graph-model",
    modelTopology: { node: nodes, versions: {} },
    weightsManifest: [{ paths: ["weights.bin"], weights }],
  };
  return [
    Buffer.from(JSON.stringify(model)),
    Buffer.concat(data.map((one) => Buffer.from(one.buffer))),
  ];
}

/** The parts' files, by their paths. */
function partsOf() {
  const [imageModel, imageWeights] = graphModel(
    [
      input("image"),
      node("summed", "Conv2D", ["image", "kernel"], CONVOLUTION),
      node("features", "AddV2", ["summed", "bias"]),
    ],
    {
      kernel: { shape: [1, 1, 3, 1], values: [0.02, 0.02, 0.02] },
      bias: { shape: [1], values: [-7.5] },
    },
  );
  const push = Array.from({ length: 25 }, (_, i) => [0.25, -0.25, i === 12 ? 1 : 0]).flat();
  const [clickModel, clickWeights] = graphModel(
    [
      input("features"),
      input("click_maps"),
      node("pushed", "Conv2D", ["click_maps", "push"], CONVOLUTION),
      node("logits", "AddV2", ["features", "pushed"]),
      node("scaled", "Conv2D", ["logits", "factors"], CONVOLUTION),
      node("candidates", "AddV2", ["scaled", "more"]),
      node("mean", "Mean", ["features", "axes"], {
        keep_dims: { b: false },
        Tidx: { type: "DT_INT32" },
      }),
      node("predicted_iou", "AddV2", ["mean", "ious"]),
    ],
    {
      push: { shape: [5, 5, 3, 1], values: push },
      factors: { shape: [1, 1, 1, 3], values: CANDIDATES.map(([factor]) => factor) },
      more: { shape: [3], values: CANDIDATES.map(([, more]) => more) },
      ious: { shape: [4], values: IOUS },
      axes: { shape: [2], values: [1, 2], dtype: "int32" },
    },
  );
  return {
    "image/model.json": imageModel,
    "image/weights.bin": imageWeights,
    "click/model.json": clickModel,
    "click/weights.bin": clickWeights,
  };
}

function manifestOf(files) {
  return {
    format: 1,
    kind: "tfjs",
    preset: { name: "made up" },
    predictor: {
      click_encoding: "disks_and_previous",
      working_size: 64,
      threshold: 0.5,
      zoom_in: false,
      look_again: 0,
    },
    views: { side_multiple: 32, even_odds: 0.5, cut_off_share: 0.05 },
    click_maps: { disk_radius: 5, truncation: 255 },
    image_part: { file: "image/model.json", image: "image", features: ["features"] },
    click_part: {
      file: "click/model.json",
      features: ["features"],
      click_maps: "click_maps",
      logits: "logits",
      candidates: "candidates",
      predicted_iou: "predicted_iou",
    },
    files: Object.entries(files).map(([path, content]) => ({
      path,
      bytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
    })),
  };
}

/** The files of the export, Buffers by their paths. */
export function exported() {
  const parts = partsOf();
  return { ...parts, "manifest.json": Buffer.from(JSON.stringify(manifestOf(parts))) };
}
