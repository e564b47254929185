/**
 * Convolutions for TensorFlow.js' WebAssembly backend, in AssemblyScript: scripts/kernels.js compiles
 * it. Products and sums in one instruction where the compiler may use them (relaxed SIMD), which
 * TensorFlow.js' own kernels do not; and in tiles, which several threads take one after the other.
 *
 * Arrays are float32 in the order [height, width, channels] and lie in TensorFlow.js' memory. A
 * convolution is described by `Shape`, which JavaScript writes (engine/networks/convolutions.js).
 *
 * Source: the scheme is that of XNNPACK's indirect convolution (Dukhan, "The Indirect Convolution
 * Algorithm", 2019): for every tap a pointer to the pixel that it reads, or to zeros at the border.
 */

@unmanaged
class Shape {
  input: usize;
  weights: usize; // packed: per block of 8 output channels 8 biases, then [taps, channels, 8];
  // for `convolveToOne` the bias, 3 zeros, then [taps, channels]
  output: usize;
  zeros: usize; // as many as the input has channels
  inputHeight: i32;
  inputWidth: i32;
  inputChannels: i32;
  outputHeight: i32;
  outputWidth: i32;
  outputChannels: i32;
  kernelHeight: i32;
  kernelWidth: i32;
  strideY: i32;
  strideX: i32;
  dilationY: i32;
  dilationX: i32;
  padTop: i32;
  padLeft: i32;
  least: f32; // of the activation
  most: f32;
}

// Output pixels of a tile. Six by two vectors are the most that 16 registers hold.
const PIXELS: i32 = 6;
const DEPTHWISE_PIXELS: i32 = 4;

// @ts-ignore: a decorator of AssemblyScript
@inline
function multiplyAdd(a: v128, b: v128, sum: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, sum);
  return v128.add<f32>(v128.mul<f32>(a, b), sum);
}

/** Pointers to the input pixel of every tap and output pixel, [taps, pixels], and to the outputs. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function point(shape: Shape, tile: i32, pixels: i32, pointers: usize): usize {
  const last = shape.outputHeight * shape.outputWidth - 1;
  const taps = shape.kernelHeight * shape.kernelWidth;
  const pixelBytes = <usize>shape.inputChannels << 2;
  const outputs = pointers + ((<usize>(taps * pixels)) << 2);
  for (let i = 0; i < pixels; i++) {
    // Beyond the end the last pixel is computed again.
    const pixel = min(tile * pixels + i, last);
    const row = pixel / shape.outputWidth;
    const y0 = row * shape.strideY - shape.padTop;
    const x0 = (pixel - row * shape.outputWidth) * shape.strideX - shape.padLeft;
    store<usize>(
      outputs + (<usize>i << 2),
      shape.output + ((<usize>(pixel * shape.outputChannels)) << 2),
    );
    const isInside =
      y0 >= 0 &&
      x0 >= 0 &&
      y0 + (shape.kernelHeight - 1) * shape.dilationY < shape.inputHeight &&
      x0 + (shape.kernelWidth - 1) * shape.dilationX < shape.inputWidth;
    const corner = shape.input + <usize>(y0 * shape.inputWidth + x0) * pixelBytes;
    const to = pointers + (<usize>i << 2);
    if (isInside) pointInside(shape, corner, pixelBytes, to, pixels << 2);
    else pointAtBorder(shape, y0, x0, corner, pixelBytes, to, pixels << 2);
  }
  return outputs;
}

/** The pointers of an output pixel whose taps all lie inside of the input: most of them. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function pointInside(shape: Shape, corner: usize, pixelBytes: usize, to: usize, step: usize): void {
  const rowBytes = <usize>(shape.dilationY * shape.inputWidth) * pixelBytes;
  const tapBytes = <usize>shape.dilationX * pixelBytes;
  for (let ky = 0; ky < shape.kernelHeight; ky++) {
    let from = corner;
    for (let kx = 0; kx < shape.kernelWidth; kx++) {
      store<usize>(to, from);
      from += tapBytes;
      to += step;
    }
    corner += rowBytes;
  }
}

function pointAtBorder(
  shape: Shape,
  y0: i32,
  x0: i32,
  corner: usize,
  pixelBytes: usize,
  to: usize,
  step: usize,
): void {
  for (let ky = 0; ky < shape.kernelHeight; ky++) {
    const down = ky * shape.dilationY;
    for (let kx = 0; kx < shape.kernelWidth; kx++) {
      const right = kx * shape.dilationX;
      // As unsigned numbers, negative ones are beyond the end, too.
      const isInside =
        <u32>(y0 + down) < <u32>shape.inputHeight && <u32>(x0 + right) < <u32>shape.inputWidth;
      const place = <usize>(down * shape.inputWidth + right) * pixelBytes;
      store<usize>(to, isInside ? corner + place : shape.zeros);
      to += step;
    }
  }
}

/**
 * The tiles [first, end) of a convolution.
 *
 * @param pointers room for PIXELS * (taps + 1) pointers, of this thread alone
 */
export function convolve(at: usize, first: i32, end: i32, pointers: usize): void {
  const shape = changetype<Shape>(at);
  const taps = shape.kernelHeight * shape.kernelWidth;
  const channels = shape.inputChannels;
  const least = v128.splat<f32>(shape.least);
  const most = v128.splat<f32>(shape.most);
  for (let tile = first; tile < end; tile++) {
    const outputs = point(shape, tile, PIXELS, pointers);
    let w = shape.weights;
    for (let channel = 0; channel < shape.outputChannels; channel += 8) {
      let s00 = v128.load(w);
      let s01 = v128.load(w, 16);
      w += 32;
      let s10 = s00, s20 = s00, s30 = s00, s40 = s00, s50 = s00;
      let s11 = s01, s21 = s01, s31 = s01, s41 = s01, s51 = s01;
      let pointer = pointers;
      for (let tap = 0; tap < taps; tap++) {
        let p0 = load<usize>(pointer);
        let p1 = load<usize>(pointer, 4);
        let p2 = load<usize>(pointer, 8);
        let p3 = load<usize>(pointer, 12);
        let p4 = load<usize>(pointer, 16);
        let p5 = load<usize>(pointer, 20);
        pointer += 24;
        for (let i = 0; i < channels; i++) {
          const w0 = v128.load(w);
          const w1 = v128.load(w, 16);
          w += 32;
          let x = v128.load_splat<f32>(p0);
          p0 += 4;
          s00 = multiplyAdd(x, w0, s00);
          s01 = multiplyAdd(x, w1, s01);
          x = v128.load_splat<f32>(p1);
          p1 += 4;
          s10 = multiplyAdd(x, w0, s10);
          s11 = multiplyAdd(x, w1, s11);
          x = v128.load_splat<f32>(p2);
          p2 += 4;
          s20 = multiplyAdd(x, w0, s20);
          s21 = multiplyAdd(x, w1, s21);
          x = v128.load_splat<f32>(p3);
          p3 += 4;
          s30 = multiplyAdd(x, w0, s30);
          s31 = multiplyAdd(x, w1, s31);
          x = v128.load_splat<f32>(p4);
          p4 += 4;
          s40 = multiplyAdd(x, w0, s40);
          s41 = multiplyAdd(x, w1, s41);
          x = v128.load_splat<f32>(p5);
          p5 += 4;
          s50 = multiplyAdd(x, w0, s50);
          s51 = multiplyAdd(x, w1, s51);
        }
      }
      const left = shape.outputChannels - channel;
      write(outputs, 0, channel, left, clamp(s00, least, most), clamp(s01, least, most));
      write(outputs, 1, channel, left, clamp(s10, least, most), clamp(s11, least, most));
      write(outputs, 2, channel, left, clamp(s20, least, most), clamp(s21, least, most));
      write(outputs, 3, channel, left, clamp(s30, least, most), clamp(s31, least, most));
      write(outputs, 4, channel, left, clamp(s40, least, most), clamp(s41, least, most));
      write(outputs, 5, channel, left, clamp(s50, least, most), clamp(s51, least, most));
    }
  }
}

/**
 * The same for a depthwise convolution, whose number of channels is a multiple of 8.
 *
 * @param pointers room for DEPTHWISE_PIXELS * (taps + 1) pointers
 */
export function convolveDepthwise(at: usize, first: i32, end: i32, pointers: usize): void {
  const shape = changetype<Shape>(at);
  const taps = shape.kernelHeight * shape.kernelWidth;
  const least = v128.splat<f32>(shape.least);
  const most = v128.splat<f32>(shape.most);
  for (let tile = first; tile < end; tile++) {
    const outputs = point(shape, tile, DEPTHWISE_PIXELS, pointers);
    let w = shape.weights;
    for (let channel = 0; channel < shape.inputChannels; channel += 8) {
      const offset = <usize>channel << 2;
      let s00 = v128.load(w);
      let s01 = v128.load(w, 16);
      w += 32;
      let s10 = s00, s20 = s00, s30 = s00;
      let s11 = s01, s21 = s01, s31 = s01;
      let pointer = pointers;
      for (let tap = 0; tap < taps; tap++) {
        const w0 = v128.load(w);
        const w1 = v128.load(w, 16);
        w += 32;
        let p = load<usize>(pointer) + offset;
        s00 = multiplyAdd(v128.load(p), w0, s00);
        s01 = multiplyAdd(v128.load(p, 16), w1, s01);
        p = load<usize>(pointer, 4) + offset;
        s10 = multiplyAdd(v128.load(p), w0, s10);
        s11 = multiplyAdd(v128.load(p, 16), w1, s11);
        p = load<usize>(pointer, 8) + offset;
        s20 = multiplyAdd(v128.load(p), w0, s20);
        s21 = multiplyAdd(v128.load(p, 16), w1, s21);
        p = load<usize>(pointer, 12) + offset;
        s30 = multiplyAdd(v128.load(p), w0, s30);
        s31 = multiplyAdd(v128.load(p, 16), w1, s31);
        pointer += 16;
      }
      write(outputs, 0, channel, 8, clamp(s00, least, most), clamp(s01, least, most));
      write(outputs, 1, channel, 8, clamp(s10, least, most), clamp(s11, least, most));
      write(outputs, 2, channel, 8, clamp(s20, least, most), clamp(s21, least, most));
      write(outputs, 3, channel, 8, clamp(s30, least, most), clamp(s31, least, most));
    }
  }
}

/**
 * The same for a convolution to one channel from a multiple of 4 channels.
 *
 * @param pointers room for PIXELS * (taps + 1) pointers
 */
export function convolveToOne(at: usize, first: i32, end: i32, pointers: usize): void {
  const shape = changetype<Shape>(at);
  const taps = shape.kernelHeight * shape.kernelWidth;
  const bytes = <usize>shape.inputChannels << 2;
  for (let tile = first; tile < end; tile++) {
    const outputs = point(shape, tile, PIXELS, pointers);
    // The bias comes first; here it is one number and three zeros.
    let s0 = v128.load(shape.weights);
    let s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0;
    let w = shape.weights + 16;
    let pointer = pointers;
    for (let tap = 0; tap < taps; tap++) {
      const p0 = load<usize>(pointer);
      const p1 = load<usize>(pointer, 4);
      const p2 = load<usize>(pointer, 8);
      const p3 = load<usize>(pointer, 12);
      const p4 = load<usize>(pointer, 16);
      const p5 = load<usize>(pointer, 20);
      pointer += 24;
      for (let i: usize = 0; i < bytes; i += 16) {
        const weights = v128.load(w);
        w += 16;
        s0 = multiplyAdd(v128.load(p0 + i), weights, s0);
        s1 = multiplyAdd(v128.load(p1 + i), weights, s1);
        s2 = multiplyAdd(v128.load(p2 + i), weights, s2);
        s3 = multiplyAdd(v128.load(p3 + i), weights, s3);
        s4 = multiplyAdd(v128.load(p4 + i), weights, s4);
        s5 = multiplyAdd(v128.load(p5 + i), weights, s5);
      }
    }
    writeSum(outputs, 0, s0, shape);
    writeSum(outputs, 1, s1, shape);
    writeSum(outputs, 2, s2, shape);
    writeSum(outputs, 3, s3, shape);
    writeSum(outputs, 4, s4, shape);
    writeSum(outputs, 5, s5, shape);
  }
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function writeSum(outputs: usize, pixel: i32, s: v128, shape: Shape): void {
  const even = v128.extract_lane<f32>(s, 0) + v128.extract_lane<f32>(s, 2);
  const sum = even + (v128.extract_lane<f32>(s, 1) + v128.extract_lane<f32>(s, 3));
  const limited = min<f32>(max<f32>(sum, shape.least), shape.most);
  store<f32>(load<usize>(outputs + (<usize>pixel << 2)), limited);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function clamp(x: v128, least: v128, most: v128): v128 {
  return v128.min<f32>(v128.max<f32>(x, least), most);
}

/** Eight channels of an output pixel, or those that are left. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function write(outputs: usize, pixel: i32, channel: i32, left: i32, a: v128, b: v128): void {
  const to = load<usize>(outputs + (<usize>pixel << 2)) + (<usize>channel << 2);
  if (left >= 8) {
    v128.store(to, a);
    v128.store(to, b, 16);
  } else {
    writeSome(to, left, a, b);
  }
}

function writeSome(to: usize, left: i32, a: v128, b: v128): void {
  store<f32>(to, v128.extract_lane<f32>(a, 0));
  if (left > 1) store<f32>(to, v128.extract_lane<f32>(a, 1), 4);
  if (left > 2) store<f32>(to, v128.extract_lane<f32>(a, 2), 8);
  if (left > 3) store<f32>(to, v128.extract_lane<f32>(a, 3), 12);
  if (left > 4) store<f32>(to, v128.extract_lane<f32>(b, 0), 16);
  if (left > 5) store<f32>(to, v128.extract_lane<f32>(b, 1), 20);
  if (left > 6) store<f32>(to, v128.extract_lane<f32>(b, 2), 24);
}
