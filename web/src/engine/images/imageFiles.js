/**
 * What an image file says of itself before a pixel is decoded, so that a picture too large for the
 * memory is refused instead of ending the tab.
 */

import { imageSize } from "image-size";

/**
 * @typedef {{format: string, height: number, width: number}} Header sizes as stored: a photograph
 *   that its metadata turns by 90° has them the other way round
 *
 * @param {Uint8Array} bytes the first 256 KB of the file, or all of it
 * @returns {Header | null} null where it cannot be told (the browser may still know the format)
 */
export function imageHeader(bytes) {
  try {
    const { type, height, width } = imageSize(bytes);
    return { format: type, height, width };
  } catch {
    return null; // unknown, or cut off; the decoder will say so
  }
}

/**
 * The colours of a PNG with a palette.
 *
 * @param {Uint8Array} bytes of the file
 * @returns {Uint8Array | null} RGB of each index, [N, 3]; null for every other file
 */
export function pngPalette(bytes) {
  const header = imageHeader(bytes);
  if (header?.format !== "png" || bytes[25] !== 3) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 8; start + 8 <= bytes.length; start += 12 + view.getUint32(start)) {
    const isPalette = view.getUint32(start + 4) === 0x504c5445; // "PLTE"
    if (isPalette) return bytes.subarray(start + 8, start + 8 + view.getUint32(start));
  }
  return null;
}
