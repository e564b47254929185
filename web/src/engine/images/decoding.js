/**
 * Files → pixels, by the browser's own decoders; the twin of fctsfn_tf/images/image_io.py, and for
 * masks of mask_files.py. Runs in a worker.
 *
 * The browser turns a photograph upright as its EXIF data says and converts its colours to sRGB.
 *
 * @typedef {{data: Uint8Array, height: number, width: number}} Photograph RGB [height, width, 3]
 */

import { InputError } from "../errors.js";
import { imageHeader, pngPalette } from "./imageFiles.js";

// Largest picture that is taken, as in Python; what is no file is scaled down to it.
const MAX_PIXELS = 50 * 2 ** 20;
// Largest picture that is shown: what a canvas of an iPhone holds. Masks and files are as large as the
// photograph all the same.
const MAX_SHOWN_PIXELS = 2 ** 24;
// Rows that are read from a canvas at once, so that none of the photograph's size is needed.
const STRIP_ROWS = 256;
// The header of a JPEG may come after tens of kilobytes of metadata.
const HEADER_BYTES = 2 ** 18;
// Largest background of a cut-out.
const MAX_COVER_PIXELS = 2 ** 23;
// VOC's index of pixels to be ignored.
const VOID = 255;

/**
 * A photograph from a file, or from anything else that `createImageBitmap` takes.
 *
 * @param {ImageBitmapSource} source
 * @returns {Promise<{photograph: Photograph, bitmap: ImageBitmap, isScaled: boolean}>} transparency is
 *   laid over white; `bitmap` is for showing, and smaller where the photograph is very large; whether
 *   the photograph itself had to be scaled down
 */
export async function decodePhotograph(source) {
  const original = await decoded(source, {});
  const bitmap = await atMost(original, MAX_PIXELS);
  const { width, height } = bitmap;
  const data = new Uint8Array(height * width * 3);
  readStrips(bitmap, "white", (pixels, first) => {
    for (let from = 0, to = first * 3; from < pixels.length; from += 4, to += 3) {
      data[to] = pixels[from];
      data[to + 1] = pixels[from + 1];
      data[to + 2] = pixels[from + 2];
    }
  });
  return {
    photograph: { data, height, width },
    bitmap: await atMost(bitmap, MAX_SHOWN_PIXELS),
    isScaled: bitmap !== original,
  };
}

/** The bitmap, or, in its place, one that has not more pixels than these. */
async function atMost(bitmap, pixels) {
  const scale = Math.sqrt(pixels / (bitmap.width * bitmap.height));
  if (scale >= 1) return bitmap;
  const smaller = await createImageBitmap(bitmap, {
    resizeWidth: Math.max(1, Math.floor(bitmap.width * scale)),
    resizeHeight: Math.max(1, Math.floor(bitmap.height * scale)),
    resizeQuality: "high",
  });
  bitmap.close();
  return smaller;
}

/**
 * The mask in a file, to start from. Taken is what `read_mask` in Python takes: a cut-out with
 * transparency, an index PNG with colours (every index but 0 and 255), else grey, whose object is what
 * is at least half white, or, if it holds 0 and 1 alone, the 1.
 *
 * @param {Blob} file
 * @param {number} height of the photograph it belongs to
 * @param {number} width
 * @returns {Promise<Uint8Array>} [height, width] of 0 and 1
 */
export async function decodeMask(file, height, width) {
  const { rgba, palette } = await decodeMaskPixels(file, height, width);
  return maskOfPixels(rgba, palette);
}

/** RGBA [N, 4] of a file of the photograph's size as it is stored, and its palette [M, 3] or null. */
export async function decodeMaskPixels(file, height, width) {
  const palette = pngPalette(new Uint8Array(await file.arrayBuffer()));
  const bitmap = await decoded(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  if (bitmap.width !== width || bitmap.height !== height) {
    const size = `${bitmap.width} × ${bitmap.height}`;
    bitmap.close();
    throw new InputError(
      `A mask must have its photograph's size, ${width} × ${height} pixels. Received ${size}.`,
    );
  }
  const rgba = new Uint8Array(height * width * 4);
  readStrips(bitmap, null, (pixels, first) => rgba.set(pixels, first * 4));
  bitmap.close();
  return { rgba, palette };
}

/** @param {Uint8Array} rgba [N, 4] @param {Uint8Array | null} palette [M, 3] @returns [N] of 0, 1 */
export function maskOfPixels(rgba, palette) {
  const mask = new Uint8Array(rgba.length / 4);
  const take = (isObject) => {
    for (let i = 0; i < mask.length; i++) mask[i] = isObject(4 * i) ? 1 : 0;
    return mask;
  };
  let [isOpaque, isGrey, brightest] = [true, true, 0];
  for (let i = 0; i < rgba.length; i += 4) {
    if (rgba[i + 3] < 255) isOpaque = false;
    if (rgba[i] !== rgba[i + 1] || rgba[i] !== rgba[i + 2]) isGrey = false;
    if (rgba[i] > brightest) brightest = rgba[i];
  }
  if (!isOpaque) return take((i) => rgba[i + 3] >= 128);
  if (palette !== null && hasColours(palette)) {
    const isIndex = (i, index) =>
      [0, 1, 2].every((channel) => rgba[i + channel] === palette[3 * index + channel]);
    return take((i) => !isIndex(i, 0) && !isIndex(i, VOID));
  }
  if (!isGrey) {
    throw new InputError(
      "A mask must be black and white, an index PNG or a cut-out with transparency. This file has " +
        "colours; is it a photograph or an overlay?",
    );
  }
  const least = brightest <= 1 ? 1 : 128;
  return take((i) => rgba[i] >= least);
}

/**
 * A picture that covers a box of this size, its middle in the middle.
 *
 * @param {Blob} file
 * @returns {Promise<{data: Uint8ClampedArray, height: number, width: number}>} RGBA [height, width, 4],
 *   smaller than the box where that is larger than a canvas of an iPhone
 */
export async function decodeCover(file, height, width) {
  const bitmap = await decoded(file, {});
  const share = Math.min(1, Math.sqrt(MAX_COVER_PIXELS / (height * width)));
  const size = { height: Math.ceil(height * share), width: Math.ceil(width * share) };
  const scale = Math.max(size.width / bitmap.width, size.height / bitmap.height);
  const [across, down] = [bitmap.width * scale, bitmap.height * scale];
  const context = new OffscreenCanvas(size.width, size.height).getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, size.width, size.height);
  context.imageSmoothingQuality = "high";
  const [left, top] = [(size.width - across) / 2, (size.height - down) / 2];
  context.drawImage(bitmap, left, top, across, down);
  bitmap.close();
  return { data: context.getImageData(0, 0, size.width, size.height).data, ...size };
}

/** Whether a palette is that of an index PNG: one of greys is a picture's. */
export function hasColours(palette) {
  for (let i = 0; i + 2 < palette.length; i += 3) {
    if (palette[i] !== palette[i + 1] || palette[i] !== palette[i + 2]) return true;
  }
  return false;
}

async function decoded(source, options) {
  if (source instanceof Blob) {
    if (source.size === 0) {
      throw new InputError("The file is empty (0 bytes). Copy or export it again.");
    }
    const head = new Uint8Array(await source.slice(0, HEADER_BYTES).arrayBuffer());
    const header = imageHeader(head);
    if (header !== null && header.width * header.height > MAX_PIXELS) {
      throw new InputError(
        `The picture has more than ${MAX_PIXELS.toLocaleString("en")} pixels, the most that ` +
          `is taken. Scale it down. Received ${header.width} × ${header.height}.`,
      );
    }
  }
  try {
    return await createImageBitmap(source, options);
  } catch {
    throw new InputError(
      "This is not an image that your browser can read, or it is broken. Save it as a JPEG, PNG " +
        "or WebP and open that.",
    );
  }
}

/** Call `take(pixels, index of the first pixel)` with the RGBA pixels of some rows after another. */
function readStrips(bitmap, background, take) {
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, Math.min(STRIP_ROWS, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (let top = 0; top < height; top += STRIP_ROWS) {
    const rows = Math.min(STRIP_ROWS, height - top);
    context.clearRect(0, 0, width, rows);
    if (background !== null) {
      context.fillStyle = background;
      context.fillRect(0, 0, width, rows);
    }
    context.drawImage(bitmap, 0, -top);
    take(context.getImageData(0, 0, width, rows).data, top * width);
  }
}
