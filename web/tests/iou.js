/** Intersection over union of two masks of 0 and 1 of the same length. */
export function iou(a, b) {
  let [both, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i] & b[i];
    either += a[i] | b[i];
  }
  return both / either;
}
