/** The network of tests/golden.py `fake_network`, and the inputs of its rules, in plain JavaScript. */

/** uint8 [height, width, channels] of `bits` bits: a multiplicative hash of the index. */
export function noise(height, width, channels, bits = 8) {
  const values = new Uint8Array(height * width * channels);
  return values.map((_, i) => Math.imul(i, 2654435761) >>> (32 - bits));
}

/** A mask [height, width]: the boxes [top, left, bottom, right], of which a later one inverts. */
export function rectangles(height, width, boxes) {
  const mask = new Uint8Array(height * width);
  for (const [top, left, bottom, right] of boxes) {
    for (let row = top; row < bottom; row++) {
      for (let col = left; col < right; col++) mask[row * width + col] ^= 1;
    }
  }
  return mask;
}

// As in golden.py: of each candidate a factor and what is added; of each IoU what is added to the brightness.
export const CANDIDATES = [
  [1, 6.5],
  [-1, 0],
  [1, 2],
];
export const IOUS = [0.5, 1, 0.25, 0.75];

/** A network that counts its calls and what it has not freed. */
export class FakeNetwork {
  numCandidates;

  /** @param {boolean} hasCandidates */
  constructor(hasCandidates = false) {
    this.numCandidates = hasCandidates ? CANDIDATES.length : 0;
  }

  encoded = 0;
  clicked = 0;
  held = 0;

  async encode(image, height, width) {
    this.encoded++;
    this.held++;
    const features = new Float32Array(height * width);
    for (let i = 0; i < features.length; i++) {
      features[i] = 0.02 * (image[3 * i] + image[3 * i + 1] + image[3 * i + 2]) - 7.5;
    }
    return features;
  }

  async click(features, maps, height, width) {
    this.clicked++;
    const logits = new Float32Array(height * width);
    for (let row = 0; row < height; row++) {
      for (let col = 0; col < width; col++) {
        const pixel = row * width + col;
        let value = features[pixel] + maps[3 * pixel + 2];
        for (let down = Math.max(row - 2, 0); down <= Math.min(row + 2, height - 1); down++) {
          for (let right = Math.max(col - 2, 0); right <= Math.min(col + 2, width - 1); right++) {
            const near = 3 * (down * width + right);
            value += 0.25 * (maps[near] - maps[near + 1]);
          }
        }
        logits[pixel] = value;
      }
    }
    return logits;
  }

  async answers(features, maps, height, width) {
    const answer = await this.click(features, maps, height, width);
    const brightness = features.reduce((sum, value) => sum + value, 0) / features.length;
    return {
      logits: [answer, ...CANDIDATES.map(([by, more]) => answer.map((value) => by * value + more))],
      iouLogits: Float32Array.from(IOUS, (more) => brightness + more),
    };
  }

  release() {
    this.held--;
  }
}
