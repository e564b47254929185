/**
 * What an image file says of itself before a pixel is decoded, so that a picture too large for the
 * memory is refused instead of ending the tab.
 */

/**
 * @typedef {{format: string, height: number, width: number}} Header sizes as stored: a photograph
 *   that its metadata turns by 90° has them the other way round
 *
 * @param {Uint8Array} bytes the first 64 KB of the file, or all of it
 * @returns {Header | null} null where the format is not known here (the browser may still know it)
 */
export function imageHeader(bytes) {
  const text = (start, length) => String.fromCharCode(...bytes.subarray(start, start + length));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    if (text(1, 3) === "PNG") {
      return { format: "PNG", width: view.getUint32(16), height: view.getUint32(20) };
    }
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(view);
    if (text(0, 3) === "GIF") {
      return { format: "GIF", width: view.getUint16(6, true), height: view.getUint16(8, true) };
    }
    if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return webpHeader(view, text(12, 4));
    if (text(0, 2) === "BM") {
      const height = Math.abs(view.getInt32(22, true)); // negative: stored from top to bottom
      return { format: "BMP", width: view.getInt32(18, true), height };
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // cut off; the decoder will say so
  }
  return null;
}

/**
 * The colours of a PNG with a palette.
 *
 * @param {Uint8Array} bytes of the file
 * @returns {Uint8Array | null} RGB of each index, [N, 3]; null for every other file
 */
export function pngPalette(bytes) {
  const header = imageHeader(bytes);
  if (header?.format !== "PNG" || bytes[25] !== 3) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 8; start + 8 <= bytes.length; start += 12 + view.getUint32(start)) {
    const isPalette = view.getUint32(start + 4) === 0x504c5445; // "PLTE"
    if (isPalette) return bytes.subarray(start + 8, start + 8 + view.getUint32(start));
  }
  return null;
}

/** The size in the first frame header ("start of frame"); segments before it are skipped. */
function jpegHeader(view) {
  for (let start = 2; ;) {
    const marker = view.getUint8(start + 1);
    if (view.getUint8(start) !== 0xff) return null;
    if (marker === 0xff) {
      start += 1; // padding
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      return {
        format: "JPEG",
        height: view.getUint16(start + 5),
        width: view.getUint16(start + 7),
      };
    }
    start += 2 + view.getUint16(start + 2);
  }
}

/** Lossy ("VP8 "), lossless ("VP8L") and extended ("VP8X") files store their size differently. */
function webpHeader(view, kind) {
  if (kind === "VP8X") {
    const uint24 = (start) => view.getUint16(start, true) | (view.getUint8(start + 2) << 16);
    return { format: "WebP", width: uint24(24) + 1, height: uint24(27) + 1 };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return { format: "WebP", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  const [width, height] = [view.getUint16(26, true), view.getUint16(28, true)];
  return { format: "WebP", width: width & 0x3fff, height: height & 0x3fff };
}
