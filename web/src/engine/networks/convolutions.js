/**
 * Quicker convolutions for TensorFlow.js' WebAssembly backend, put in the place of its own: they
 * multiply and add in one instruction where the browser has it, and use all threads there are.
 * What they do not know (other activations, batches) goes to TensorFlow.js' as before.
 *
 * src/kernels/convolutions.ts says how they compute.
 */

import * as tf from "@tensorflow/tfjs-core";
import { makeTeam } from "./threads.js";

const BACKEND = "wasm";
// The compiled kernels, the quicker first. Without threads only one kind is worth having.
const SHARED = ["convolutions-fma-threads.wasm", "convolutions-threads.wasm"];
const UNSHARED = ["convolutions-fma.wasm"];
// Those of convolutions.ts, and how many output pixels a tile of each has.
const KERNELS = ["convolve", "convolveDepthwise", "convolveToOne"];
const PIXELS = [6, 4, 6];
const [CONVOLVE, DEPTHWISE, TO_ONE] = KERNELS.keys();
const BLOCK = 8; // output channels whose weights lie together
const LANES = 4;
const MAX_TAPS = 49;
const MAX_THREADS = 4;
const SHAPE_BYTES = 80;
// The activations that are limits on the output.
const LIMITS = {
  linear: [-Infinity, Infinity],
  relu: [0, Infinity],
  relu6: [0, 6],
};

/**
 * Put the kernels in the place of TensorFlow.js' own.
 *
 * @param {any} backend TensorFlow.js' WebAssembly backend, which computes now
 * @param {(name: string) => Promise<BufferSource>} read gives the content of a file of kernels
 * @returns {Promise<{threads: number, remove: () => void} | null>} null where this browser has nothing
 *   that is quicker
 */
export async function installConvolutions(backend, read) {
  const { wasm } = backend;
  const isShared = "PThread" in wasm;
  const memory = isShared ? wasm.wasmMemory : wasm.asm.memory;
  const module = await firstValid(isShared ? SHARED : UNSHARED, read);
  if (module === null) return null;
  const team = await makeTeam({
    module,
    memory,
    names: KERNELS,
    allocate: (bytes) => wasm._malloc(bytes) >>> 0,
    scratchBytes: 4 * Math.max(...PIXELS) * (MAX_TAPS + 1),
    size: isShared ? Math.min(navigator.hardwareConcurrency, MAX_THREADS) : 1,
  });
  const convolver = new Convolver(wasm, memory, team);
  const own = ["FusedConv2D", "Conv2D", "FusedDepthwiseConv2D", "DepthwiseConv2dNative"].map(
    (name) => tf.getKernel(name, BACKEND),
  );
  for (const config of own) {
    const kernelFunc = (call) =>
      convolver.answer(config.kernelName, call) ?? config.kernelFunc(call);
    replace({ ...config, kernelFunc });
  }
  return {
    threads: team.size,
    remove() {
      own.forEach(replace);
      team.end();
    },
  };
}

function replace(config) {
  tf.unregisterKernel(config.kernelName, BACKEND);
  tf.registerKernel(config);
}

async function firstValid(names, read) {
  for (const name of names) {
    // A browser that lacks the instructions, or a host that lacks the file: TensorFlow.js' are there.
    const bytes = await read(name).catch(() => null);
    if (bytes !== null && WebAssembly.validate(bytes)) return WebAssembly.compile(bytes);
  }
  return null;
}

/** Calls of TensorFlow.js' kernels → calls of those of convolutions.ts. */
class Convolver {
  #wasm;
  #memory;
  #team;
  #shape; // address of the `Shape`
  #zeros = { address: 0, length: 0 };
  // Of a filter's data: where it is packed. A network's weights are packed once and stay as long as
  // the worker.
  #packed = new WeakMap();

  constructor(wasm, memory, team) {
    this.#wasm = wasm;
    this.#memory = memory;
    this.#team = team;
    this.#shape = wasm._malloc(SHAPE_BYTES) >>> 0;
  }

  /** The output of a kernel; null where it is none that is known here. */
  answer(name, { inputs, attrs, backend }) {
    const isDepthwise = /Depthwise/.test(name);
    const { x, filter, bias } = inputs;
    const { strides, pad, dilations = [1, 1], dimRoundingMode, activation = "linear" } = attrs;
    const info = tf.backend_util.computeConv2DInfo(
      x.shape,
      filter.shape,
      strides,
      dilations,
      pad,
      dimRoundingMode,
      isDepthwise,
    );
    const isKnown =
      activation in LIMITS &&
      info.batchSize === 1 &&
      info.dataFormat === "channelsLast" &&
      info.filterHeight * info.filterWidth <= MAX_TAPS &&
      (!isDepthwise || (info.outChannels === info.inChannels && info.inChannels % BLOCK === 0));
    if (!isKnown) return null;
    const isToOne = !isDepthwise && info.outChannels === 1 && info.inChannels % LANES === 0;
    const kernel = isDepthwise ? DEPTHWISE : isToOne ? TO_ONE : CONVOLVE;
    const weights = this.#weights(backend, filter, bias, info, kernel);
    const output = backend.makeOutput(info.outShape, "float32");
    this.#describe(info, LIMITS[activation], {
      input: addressOf(backend, x),
      weights,
      output: addressOf(backend, output),
      zeros: this.#zerosFor(info.inChannels),
    });
    const tiles = Math.ceil((info.outHeight * info.outWidth) / PIXELS[kernel]);
    this.#team.run(kernel, this.#shape, tiles);
    return output;
  }

  /** Write the `Shape` of convolutions.ts. */
  #describe(info, [least, most], { input, weights, output, zeros }) {
    const words = [input, weights, output, zeros];
    words.push(info.inHeight, info.inWidth, info.inChannels);
    words.push(info.outHeight, info.outWidth, info.outChannels);
    words.push(info.filterHeight, info.filterWidth, info.strideHeight, info.strideWidth);
    words.push(info.dilationHeight, info.dilationWidth, info.padInfo.top, info.padInfo.left);
    new Uint32Array(this.#memory.buffer, this.#shape, words.length).set(words);
    new Float32Array(this.#memory.buffer, this.#shape + 4 * words.length, 2).set([least, most]);
  }

  #zerosFor(length) {
    if (length > this.#zeros.length) {
      this.#wasm._free(this.#zeros.address);
      this.#zeros = { address: this.#allocate(length), length };
      this.#floats(this.#zeros.address, length).fill(0);
    }
    return this.#zeros.address;
  }

  /** Address of filter and bias as `Shape` wants them. */
  #weights(backend, filter, bias, info, kernel) {
    const held = this.#packed.get(filter.dataId);
    if (held !== undefined && held.bias === (bias?.dataId ?? null)) return held.address;
    const channels = kernel === DEPTHWISE ? 1 : info.inChannels;
    const rows = info.filterHeight * info.filterWidth * channels;
    const blocks = Math.ceil(info.outChannels / BLOCK);
    const length = kernel === TO_ONE ? LANES + rows : blocks * BLOCK * (rows + 1);
    const address = this.#allocate(length);
    // After the memory has grown, views made before it are empty.
    const packed = this.#floats(address, length).fill(0);
    const from = this.#floats(addressOf(backend, filter), rows * info.outChannels);
    const biases = bias && this.#floats(addressOf(backend, bias), info.outChannels);
    if (kernel === TO_ONE) {
      if (biases) packed[0] = biases[0];
      packed.set(from, LANES);
    } else packColumns(packed, from, biases, rows, info.outChannels);
    if (held !== undefined) this.#wasm._free(held.address);
    this.#packed.set(filter.dataId, { address, bias: bias?.dataId ?? null });
    return address;
  }

  #allocate(floats) {
    const address = this.#wasm._malloc(4 * floats) >>> 0;
    if (address === 0) throw new RangeError(`WebAssembly: no memory for ${4 * floats} bytes`);
    return address;
  }

  #floats(address, length) {
    return new Float32Array(this.#memory.buffer, address, length);
  }
}

/** Filters [rows, channels] in blocks of 8 channels: biases, then row by row. */
function packColumns(packed, from, biases, rows, channels) {
  for (let channel = 0; channel < channels; channel++) {
    let to = Math.floor(channel / BLOCK) * BLOCK * (rows + 1) + (channel % BLOCK);
    if (biases) packed[to] = biases[channel];
    for (let row = 0; row < rows; row++) {
      to += BLOCK;
      packed[to] = from[row * channels + channel];
    }
  }
}

function addressOf(backend, { dataId }) {
  return backend.dataIdMap.get(dataId).memoryOffset;
}
