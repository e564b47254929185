/** Masks as files that annotation tools read; the twin of fctsfn_tf/images/annotation_files.py. */

import { boundingBox, checkNumber, vocPalette } from "./masks.js";
import { joined, maskOutlines, maskPolygons, POLYGON_TOLERANCE, simplified } from "./polygons.js";
import { encodeRle, runLengths } from "./runLengths.js";

const DEFAULT_NAME = "object";
// labelme's file format; its readers warn of another major version.
const LABELME_VERSION = "5.5.0";

/**
 * A COCO instances file of one photograph, as `fctsfn segment --coco` writes it.
 *
 * @param {Uint8Array[]} masks the annotation of object i (from 1) has id i; empty ones have none
 * @param {string} imageName the photograph's file name
 * @param {string[]} names one per object, which becomes its category
 * @returns {string} JSON
 */
export function cocoJson(masks, height, width, imageName, names) {
  checkNumber(masks);
  const labels = masks.map((_, i) => names[i] || DEFAULT_NAME);
  const categories = [...new Set(labels)];
  const annotations = masks.flatMap((mask, i) => {
    const annotation = annotationOf(mask, height, width);
    if (annotation === null) return [];
    const id = i + 1;
    return [{ id, image_id: 1, category_id: categories.indexOf(labels[i]) + 1, ...annotation }];
  });
  const content = {
    info: { description: "Written by fctsfn_tf" },
    images: [{ id: 1, file_name: imageName, height, width }],
    annotations,
    categories: categories.map((name, i) => ({ id: i + 1, name })),
  };
  return JSON.stringify(content) + "\n";
}

/**
 * A labelme file: every object is one or more polygons with few corners, to be edited. Those of
 * object i (from 1) share the `group_id` i. The photograph's pixels are not in it.
 *
 * @param {Uint8Array[]} masks
 * @param {string} imagePath the photograph's, as seen from the file's folder
 * @param {string[]} names one per object
 * @returns {string} JSON
 */
export function labelmeJson(masks, height, width, imagePath, names) {
  checkNumber(masks);
  const shapes = masks.flatMap((mask, i) =>
    maskPolygons(mask, height, width).map((polygon) => ({
      label: names[i] || DEFAULT_NAME,
      points: simplified(polygon, POLYGON_TOLERANCE),
      group_id: i + 1,
      description: "",
      shape_type: "polygon",
      flags: {},
    })),
  );
  const content = {
    version: LABELME_VERSION,
    flags: {},
    shapes,
    imagePath,
    imageData: null,
    imageHeight: height,
    imageWidth: width,
  };
  return JSON.stringify(content) + "\n";
}

/**
 * A label file of YOLO segmentation: a line "class x y x y …" for each object that is not empty, in
 * shares of the photograph's width and height. Classes are numbered in the order of their names.
 *
 * @param {Uint8Array[]} masks
 * @param {string[]} names one per object
 */
export function yoloTxt(masks, height, width, names) {
  checkNumber(masks);
  const labels = masks.map((_, i) => names[i] || DEFAULT_NAME);
  const classes = [...new Set(labels)];
  const lines = masks.map((mask, i) => {
    const polygons = maskPolygons(mask, height, width);
    if (polygons.length === 0) return "";
    const shares = joined(polygons).flatMap(([x, y]) => [x / width, y / height]);
    const numbers = shares.map((share) => share.toFixed(6)).join(" ");
    return `${classes.indexOf(labels[i])} ${numbers}\n`;
  });
  return lines.join("");
}

/**
 * An SVG picture of the photograph's size: a path for each object, exactly along the pixels' edges,
 * with its holes. Object i (from 1) has the id "object-i" and the i-th of VOC's colours.
 *
 * @param {Uint8Array[]} masks
 * @param {string[]} names one per object, which becomes its title
 */
export function svg(masks, height, width, names) {
  checkNumber(masks);
  const palette = vocPalette();
  const paths = masks.map((mask, i) => {
    const number = i + 1;
    const colour = [...palette.subarray(3 * number, 3 * number + 3)];
    const hex = colour.map((value) => value.toString(16).padStart(2, "0")).join("");
    const rings = maskOutlines(mask, height, width).map((ring) => `M${ring.flat().join(" ")}Z`);
    return (
      `<path id="object-${number}" fill="#${hex}" fill-opacity="0.5" fill-rule="evenodd" ` +
      `d="${rings.join(" ")}"><title>${escaped(names[i] || DEFAULT_NAME)}</title></path>`
    );
  });
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const lines = [`<svg xmlns="http://www.w3.org/2000/svg" ${size}>`, ...paths, "</svg>"];
  return lines.join("\n") + "\n";
}

/** A name as text of an XML file; what cannot be printed is no text there. */
function escaped(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
  return text.replace(/[^\P{C}]/gu, "").replace(/[&<>]/g, (sign) => signs[sign]);
}

/** What COCO says of one mask; null where it is empty. */
function annotationOf(mask, height, width) {
  const box = boundingBox(mask, height, width, 0);
  if (box === null) return null;
  const counts = runLengths(mask, height, width);
  return {
    segmentation: encodeRle(counts, height, width),
    polygons: maskPolygons(mask, height, width).map((polygon) => polygon.flat()),
    bbox: [box.left, box.top, box.right - box.left, box.bottom - box.top],
    area: counts.reduce((sum, count, i) => sum + (i % 2 ? count : 0), 0),
    iscrowd: 0,
  };
}
