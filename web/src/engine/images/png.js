/**
 * PNG files of what a canvas cannot write exactly: grey, with a palette, and RGBA without the
 * canvas' multiplying by alpha; the twin of fctsfn_tf/images/png_files.py. Runs in pages, workers and
 * Node.
 *
 * No library, because those for the browser compress in JavaScript what they hold as a whole: of a
 * cut-out of 16.7 megapixels 67 MB, which phones do not have to spare.
 *
 * Source: the PNG specification (W3C, third edition), §5 and §9.
 */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const GREY = { type: 0, channels: 1 };
const INDEXED = { type: 3, channels: 1 };
const RGB = { type: 2, channels: 3 };
const RGBA = { type: 6, channels: 4 };
// Filters of a row: none suits few values, the difference to the row above suits photographs.
const FILTER_NONE = 0;
const FILTER_UP = 2;
// Bytes that go into the compressor at once: a call per row of a small picture would cost more.
const BATCH_BYTES = 1 << 16;

/** An 8-bit grey PNG: 255 on the object, 0 elsewhere. */
export function maskPng(mask, height, width) {
  return encode(GREY, height, width, [], (row, line) => {
    for (let col = 0; col < width; col++) line[col] = mask[row * width + col] ? 255 : 0;
    return FILTER_NONE;
  });
}

/** An 8-bit grey PNG of a probability in [0, 1]: 255 is 1. */
export function probabilityPng(probability, height, width) {
  return encode(GREY, height, width, [], (row, line) => {
    for (let col = 0; col < width; col++) {
      line[col] = Math.round(probability[row * width + col] * 255);
    }
    return FILTER_NONE;
  });
}

/** An 8-bit palette PNG whose values are those of an index map; `palette` is uint8 [256, 3]. */
export function indexPng(index, height, width, palette) {
  return encode(INDEXED, height, width, [chunk("PLTE", palette)], (row, line) => {
    line.set(index.subarray(row * width, (row + 1) * width));
    return FILTER_NONE;
  });
}

/**
 * A PNG of colours.
 *
 * @param {number} channels 4 for RGBA, 3 for RGB
 * @param {(row: number, line: Uint8Array) => void} fill writes a row's pixels, [width, channels];
 *   called once for each row, from the top
 */
export function picturePng(height, width, channels, fill) {
  let [present, above] = [new Uint8Array(channels * width), new Uint8Array(channels * width)];
  return encode(channels === 4 ? RGBA : RGB, height, width, [], (row, line) => {
    fill(row, present);
    for (let i = 0; i < line.length; i++) line[i] = present[i] - above[i];
    [present, above] = [above, present];
    return FILTER_UP;
  });
}

/**
 * A PNG file whose rows go into the compressor a batch at a time, so that no copy of all is made.
 *
 * @param {{type: number, channels: number}} kind
 * @param {number} height
 * @param {number} width
 * @param {Uint8Array[]} chunks that come before the pixels
 * @param {(row: number, line: Uint8Array) => number} fill writes a filtered row, returns its filter
 * @returns {Promise<Blob>}
 */
async function encode({ type, channels }, height, width, chunks, fill) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, type, 0, 0, 0], 8); // bits per channel, colour type, and the only methods there are
  const compressed = await deflated(height, 1 + width * channels, (row, line) => {
    line[0] = fill(row, line.subarray(1));
  });
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    ...chunks,
    chunk("IDAT", compressed),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

async function deflated(height, length, fill) {
  const stream = new CompressionStream("deflate");
  const result = new Response(stream.readable).arrayBuffer();
  const writer = stream.writable.getWriter();
  const rows = Math.max(1, Math.floor(BATCH_BYTES / length));
  for (let first = 0; first < height; first += rows) {
    const batch = new Uint8Array(Math.min(rows, height - first) * length);
    for (let start = 0; start < batch.length; start += length) {
      fill(first + start / length, batch.subarray(start, start + length));
    }
    await writer.write(batch);
  }
  await writer.close();
  return new Uint8Array(await result);
}

/** A chunk: length, name, content, check sum. */
function chunk(name, content) {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
