/**
 * Masks as run lengths, and COCO's compressed string of them; the twin of
 * fctsfn_tf/images/run_lengths.py.
 */

/**
 * Run lengths of a mask down its columns, beginning with the background.
 *
 * @returns {number[]} that sum to height × width
 */
export function runLengths(mask, height, width) {
  const counts = [];
  let [value, length] = [0, 0];
  for (let col = 0; col < width; col++) {
    for (let row = 0, i = col; row < height; row++, i += width) {
      if (mask[i] === value) {
        length++;
        continue;
      }
      counts.push(length);
      [value, length] = [mask[i], 1];
    }
  }
  counts.push(length);
  return counts;
}

/** The mask of run lengths; the inverse of `runLengths`. */
export function maskOfRunLengths(counts, height, width) {
  const mask = new Uint8Array(height * width);
  let start = 0;
  counts.forEach((count, i) => {
    if (i % 2 === 1) {
      let [row, col] = [start % height, Math.floor(start / height)];
      for (let left = count; left > 0; left--) {
        mask[row * width + col] = 1;
        row++;
        if (row === height) [row, col] = [0, col + 1];
      }
    }
    start += count;
  });
  return mask;
}

/**
 * COCO's compressed run lengths: {size: [height, width], counts: string}.
 *
 * From the third on, each is stored as the difference to the last but one, in little-endian groups
 * of 5 bits of two's complement; bit 5 says that another group follows, and 48 makes the group a
 * printable character (the COCO API's `maskApi.c`, re-written from the format).
 */
export function encodeRle(counts, height, width) {
  let text = "";
  counts.forEach((count, i) => {
    let value = i > 2 ? count - counts[i - 2] : count;
    for (let isOpen = true; isOpen;) {
      const group = value & 31;
      value >>= 5;
      isOpen = value !== (group & 16 ? -1 : 0);
      text += String.fromCharCode(group + (isOpen ? 32 : 0) + 48);
    }
  });
  return { size: [height, width], counts: text };
}

/** The run lengths of COCO's compressed string; the inverse of `encodeRle`. */
export function decodeRle(text) {
  const counts = [];
  for (let i = 0; i < text.length;) {
    let [value, shift, group] = [0, 0, 0];
    do {
      group = text.charCodeAt(i++) - 48;
      value |= (group & 31) << shift;
      shift += 5;
    } while (group & 32 && i < text.length);
    if (group & 16) value |= -1 << shift;
    counts.push(counts.length > 2 ? value + counts.at(-2) : value);
  }
  return counts;
}
