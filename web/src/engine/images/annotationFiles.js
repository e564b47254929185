/** Masks as files that annotation tools read; the twin of fctsfn_tf/images/annotation_files.py. */

import { boundingBox, checkNumber } from "./masks.js";
import { maskPolygons } from "./polygons.js";
import { encodeRle, runLengths } from "./runLengths.js";

const DEFAULT_NAME = "object";

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
