/**
 * Resizing as OpenCV does it, which the network was trained and measured with: area averages along
 * axes that shrink, then linear interpolation along those that grow, pixel centres at +0.5.
 *
 * Source and result are in the order [height, width, channels]. A source may be a box of a larger
 * array, which is never copied. Uint8Array is rounded as OpenCV rounds it.
 *
 * Source: OpenCV's INTER_AREA and INTER_LINEAR (imgproc, resize), re-written from their definition.
 */

// Fixed-point weights of OpenCV's linear interpolation of bytes.
const WEIGHT_ONE = 2048;
// A share of a pixel below this counts as none (OpenCV's computeResizeAreaTab).
const NO_SHARE = 1e-3;

/**
 * @typedef {object} Source
 * @property {Uint8Array | Float32Array} data
 * @property {number} stride elements from one row to the next
 * @property {number} offset element of the first pixel
 * @property {number} height in pixels
 * @property {number} width
 * @property {number} channels
 * @property {(row: number) => number} [seek] where a row does not lie at offset + row * stride: makes
 *   sure that it is in `data`, and says where
 */

/**
 * The source resized.
 *
 * @param {Source} source
 * @returns {any} [height, width, channels], a Uint8Array or Float32Array as the source is
 */
export function resize(source, height, width) {
  const shrunk = shrink(source, height, width);
  const size = height * width * source.channels;
  const result = sameKind(source.data, size);
  const target = { data: result, stride: width * source.channels, offset: 0, height, width };
  grow(shrunk, target, 0, height);
  return result;
}

/**
 * Rows [first, end) of the source resized, into another array.
 *
 * @param {Source} source of kind Float32Array
 * @param {Omit<Source, "channels">} target `height` and `width` are those of the whole result; row
 *   `first` is written at `offset`
 * @param {number} first
 * @param {number} end
 */
export function resizeInto(source, target, first, end) {
  grow(shrink(source, target.height, target.width), target, first, end);
}

function startOf(source, row) {
  return source.seek ? source.seek(row) : source.offset + row * source.stride;
}

/** An array of zeros, of the same kind as another one. */
function sameKind(data, length) {
  return data instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
}

/** Area averages along the axes that shrink; the source itself where none does. */
function shrink(source, height, width) {
  const [toHeight, toWidth] = [Math.min(height, source.height), Math.min(width, source.width)];
  if (toHeight === source.height && toWidth === source.width) return source;
  const { data, channels } = source;
  const isBytes = data instanceof Uint8Array;
  // OpenCV has a case of its own for halving bytes, which rounds halves up instead of to even.
  const isHalving =
    isBytes && source.height === 2 * toHeight && source.width === 2 * toWidth && channels !== 2;
  const cols = areaTable(source.width, toWidth);
  const rows = areaTable(source.height, toHeight);
  const result = sameKind(data, toHeight * toWidth * channels);
  const line = new Float32Array(toWidth * channels); // one source row, averaged along its length
  const sum = new Float32Array(toWidth * channels);
  for (let row = 0; row < toHeight; row++) {
    sum.fill(0);
    for (let entry = rows.first[row]; entry < rows.first[row + 1]; entry++) {
      averageLine(source, rows.index[entry], cols, line);
      const weight = rows.weight[entry];
      for (let i = 0; i < sum.length; i++) sum[i] += weight * line[i];
    }
    const start = row * toWidth * channels;
    if (!isBytes) {
      // Averages of ones may come out as 1.0000001.
      for (let i = 0; i < sum.length; i++) result[start + i] = Math.min(sum[i], 1);
    } else if (isHalving) {
      for (let i = 0; i < sum.length; i++) result[start + i] = Math.floor(sum[i] + 0.5);
    } else {
      for (let i = 0; i < sum.length; i++) result[start + i] = roundHalfEven(sum[i]);
    }
  }
  const stride = toWidth * channels;
  return { data: result, stride, offset: 0, height: toHeight, width: toWidth, channels };
}

/** One row of the source, averaged along its length into `line` [width, channels]. */
function averageLine(source, row, cols, line) {
  const { data, channels } = source;
  const start = startOf(source, row);
  const width = cols.first.length - 1;
  for (let col = 0; col < width; col++) {
    const [from, to] = [cols.first[col], cols.first[col + 1]];
    for (let channel = 0; channel < channels; channel++) {
      let value = 0;
      for (let entry = from; entry < to; entry++) {
        value += cols.weight[entry] * data[start + cols.index[entry] * channels + channel];
      }
      line[col * channels + channel] = value;
    }
  }
}

/**
 * Which source pixels make up each result pixel along one axis: entries first[i] to first[i + 1] of
 * `index` and `weight`.
 */
function areaTable(from, to) {
  const scale = 1 / (to / from);
  const [index, weight, first] = [[], [], [0]];
  for (let i = 0; i < to; i++) {
    const [start, end] = [i * scale, i * scale + scale];
    const cell = Math.min(scale, from - start);
    const last = Math.min(Math.floor(end), from - 1);
    const whole = Math.min(Math.ceil(start), last);
    const add = (position, share) => {
      index.push(position);
      weight.push(Math.fround(share / cell));
    };
    if (whole - start > NO_SHARE) add(whole - 1, whole - start);
    for (let position = whole; position < last; position++) add(position, 1);
    if (end - last > NO_SHARE) add(last, Math.min(end - last, 1, cell));
    first.push(index.length);
  }
  return { index: Int32Array.from(index), weight: Float32Array.from(weight), first };
}

/** Linear interpolation along the axes that grow, into a box of another array. */
function grow(source, target, first, end) {
  const isSame = target.height === source.height && target.width === source.width;
  if (isSame) copy(source, target, first, end);
  else if (source.data instanceof Uint8Array) growBytes(source, target);
  else growNumbers(source, target, first, end);
}

function copy(source, target, first, end) {
  const length = source.width * source.channels;
  for (let row = first; row < end; row++) {
    const start = startOf(source, row);
    const line = source.data.subarray(start, start + length);
    target.data.set(line, target.offset + (row - first) * target.stride);
  }
}

/** Per result position the source position to its left and the share of that to its right. */
function linearTable(from, to) {
  const scale = 1 / (to / from);
  const [index, share] = [new Int32Array(to), new Float32Array(to)];
  for (let i = 0; i < to; i++) {
    const position = Math.fround((i + 0.5) * scale - 0.5);
    const left = Math.floor(position);
    const isInside = left >= 0 && left < from - 1;
    index[i] = Math.min(Math.max(left, 0), from - 1);
    share[i] = isInside ? position - left : 0;
  }
  return { index, share };
}

function growNumbers(source, target, first, end) {
  const { channels } = source;
  const [rows, cols] = [
    linearTable(source.height, target.height),
    linearTable(source.width, target.width),
  ];
  const length = target.width * channels;
  const stretched = stretcher(source, length, Float32Array, (line, start) => {
    for (let col = 0; col < target.width; col++) {
      const left = start + cols.index[col] * channels;
      const right = cols.index[col] < source.width - 1 ? left + channels : left;
      const share = cols.share[col];
      for (let channel = 0; channel < channels; channel++) {
        const value = source.data[left + channel];
        line[col * channels + channel] = value + share * (source.data[right + channel] - value);
      }
    }
  });
  for (let row = first; row < end; row++) {
    const above = stretched(rows.index[row]);
    const below = stretched(Math.min(rows.index[row] + 1, source.height - 1));
    const share = rows.share[row];
    const start = target.offset + (row - first) * target.stride;
    for (let i = 0; i < length; i++) {
      target.data[start + i] = above[i] + share * (below[i] - above[i]);
    }
  }
}

function growBytes(source, target) {
  const { channels } = source;
  const [rows, cols] = [
    linearTable(source.height, target.height),
    linearTable(source.width, target.width),
  ];
  const length = target.width * channels;
  const weights = Array.from(cols.share, fixedPoint);
  const stretched = stretcher(source, length, Int32Array, (line, start) => {
    for (let col = 0; col < target.width; col++) {
      const left = start + cols.index[col] * channels;
      const right = cols.index[col] < source.width - 1 ? left + channels : left;
      const [first, second] = weights[col];
      for (let channel = 0; channel < channels; channel++) {
        line[col * channels + channel] =
          source.data[left + channel] * first + source.data[right + channel] * second;
      }
    }
  });
  for (let row = 0; row < target.height; row++) {
    const above = stretched(rows.index[row]);
    const below = stretched(Math.min(rows.index[row] + 1, source.height - 1));
    const [first, second] = fixedPoint(rows.share[row]);
    const start = target.offset + row * target.stride;
    for (let i = 0; i < length; i++) {
      const value = ((first * (above[i] >> 4)) >> 16) + ((second * (below[i] >> 4)) >> 16);
      target.data[start + i] = (value + 2) >> 2;
    }
  }
}

/** The weights of both neighbours, in units of 1 / WEIGHT_ONE. */
function fixedPoint(share) {
  return [roundHalfEven((1 - share) * WEIGHT_ONE), roundHalfEven(share * WEIGHT_ONE)];
}

/** row → that row of the source stretched to `length`; the latest two are remembered. */
function stretcher(source, length, Kind, stretch) {
  const lines = [new Kind(length), new Kind(length)];
  const held = [-1, -1];
  return (row) => {
    const slot = row & 1; // neighbours never share a slot
    if (held[slot] !== row) {
      stretch(lines[slot], startOf(source, row));
      held[slot] = row;
    }
    return lines[slot];
  };
}

/** The nearest whole number, of two the even one, as Python and OpenCV round. */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
