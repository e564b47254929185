/** Masks as files of every format that the module knows. */

import { InputError } from "../errors.js";
import { cocoJson, labelmeJson, svg, yoloTxt } from "./annotationFiles.js";
import { cutoutOf, cutoutPng, overPng } from "./cutouts.js";
import { decodeCover } from "./decoding.js";
import { indexMap, vocPalette } from "./masks.js";
import { indexPng, maskPng, probabilityPng } from "./png.js";

/**
 * @typedef {object} Known what there is to save
 * @property {Uint8Array | null} mask of the present object, [height, width] of 0 and 1
 * @property {() => Float32Array | null} probability [height, width] in [0, 1]
 * @property {() => Uint8Array[]} masks one per object
 *
 * @typedef {object} FileOptions
 * @property {string} [imageName] the photograph's file name, for COCO and labelme
 * @property {string[]} [names] one per object
 * @property {Uint8Array[]} [masks]
 * @property {number} [object]
 * @property {boolean} [soft] a cut-out whose edges are soft
 * @property {boolean} [crop] a cut-out that is as large as the object
 * @property {string | Blob | null} [background] "#rrggbb" or a picture that covers the cut-out
 */

/** Files of all objects. */
const OF_ALL = {
  async index(masks, { height, width }) {
    return indexPng(indexMap(masks), height, width, vocPalette());
  },
  async coco(masks, { height, width }, { imageName = "photograph", names = [] }) {
    return asFile(cocoJson(masks, height, width, imageName, names), "application/json");
  },
  async labelme(masks, { height, width }, { imageName = "photograph", names = [] }) {
    return asFile(labelmeJson(masks, height, width, imageName, names), "application/json");
  },
  async yolo(masks, { height, width }, { names = [] }) {
    return asFile(yoloTxt(masks, height, width, names), "text/plain");
  },
  async svg(masks, { height, width }, { names = [] }) {
    return asFile(svg(masks, height, width, names), "image/svg+xml");
  },
};

/** Files of the present object. */
const OF_ONE = {
  mask: ({ mask }, { height, width }) => maskPng(mask, height, width),
  probability: ({ probability }, { height, width }) => probabilityPng(probability(), height, width),
  async cutout({ mask }, photograph, { soft: isSoft, crop: isCropped, background = null }) {
    const how = { isSoft, isCropped };
    if (background === null) return cutoutPng(photograph, mask, how);
    const cutout = cutoutOf(photograph, mask, how);
    return overPng(cutout, await colours(background, cutout));
  },
};

/**
 * @param {string} format a name in OF_ALL or OF_ONE
 * @param {import("./decoding.js").Photograph} photograph
 * @param {Known} known
 * @param {FileOptions} what
 * @returns {Promise<Blob>}
 */
export async function fileOf(format, photograph, known, what) {
  if (Object.hasOwn(OF_ALL, format)) {
    return OF_ALL[format](withoutEmptyEnd(known.masks()), photograph, what);
  }
  if (!Object.hasOwn(OF_ONE, format)) {
    throw new InputError(
      `A file's format must be one of ${Object.keys({ ...OF_ONE, ...OF_ALL }).join(", ")}. ` +
        `Received ${String(format).slice(0, 40)}.`,
    );
  }
  if (format === "probability" ? known.probability() === null : !known.mask) throw nothing();
  return OF_ONE[format](known, photograph, what);
}

/** The masks but for an object at the end that has just been started, and is none yet. */
function withoutEmptyEnd(masks) {
  const last = masks.findLastIndex((mask) => mask.includes(1));
  if (last < 0) throw nothing();
  return masks.slice(0, last + 1);
}

function nothing() {
  return new InputError("There is no mask to save yet. Click an object first.");
}

function asFile(text, type) {
  return new Blob([text], { type });
}

/** The colour [R, G, B] of a background at (row, col) of a cut-out. */
async function colours(background, { height, width }) {
  if (background instanceof Blob) {
    const cover = await decodeCover(background, height, width);
    return (row, col) => {
      const y = Math.floor((row * cover.height) / height);
      const pixel = 4 * (y * cover.width + Math.floor((col * cover.width) / width));
      return cover.data.subarray(pixel, pixel + 3);
    };
  }
  const [, hex] = /^#([0-9a-f]{6})$/i.exec(String(background)) ?? [];
  if (hex === undefined) {
    throw new InputError(
      "A background must be a colour such as “#ffffff” or a picture. " +
        `Received ${String(background).slice(0, 40)}.`,
    );
  }
  const colour = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  return () => colour;
}
