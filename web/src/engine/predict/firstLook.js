/**
 * What a first click may mean, for networks that predict how good each of their masks is; the twin of
 * fctsfn_tf/predict/first_look.py.
 *
 * @typedef {import("./predictor.js").Layer} Layer
 * @typedef {import("./views.js").View} View
 * @typedef {{layers: Layer[], predictedIou: number}} Meaning one of several masks: its layers, beside
 *   which there is nothing, and the IoU that is expected with the object that was meant
 */

// Of two masks with a higher IoU in their view, the later one is left out.
export const SAME_IOU = 0.85;
// Closer views are for objects that may be small: where the answer in the whole photograph takes less
// than this share of it. One counts only where it is thought better by so much.
export const SMALL_SHARE = 0.1;
export const CLOSER_GAIN = 0.05;

/**
 * @typedef {{view: View, logits: Float32Array[], ious: Float32Array}} Answers the logits of the masks
 *   of a view [height, width], the answer's first, and what IoU is expected of each
 */

/** Whether the object may be so small that closer views are worth it. @param {Answers} whole */
export function mayBeSmall({ logits: [answer] }) {
  const area = answer.reduce((count, value) => count + (value > 0 ? 1 : 0), 0);
  return area / answer.length < SMALL_SHARE;
}

/**
 * The answers of the view that counts: the whole photograph, unless a closer one is thought better.
 *
 * @param {Answers} whole
 * @param {Answers[]} closer
 */
export function bestOf(whole, closer) {
  let [best, toBeat] = [whole, whole.ious[0] + CLOSER_GAIN];
  for (const answers of closer) {
    if (answers.ious[0] > toBeat) [best, toBeat] = [answers, answers.ious[0]];
  }
  return best;
}

/**
 * The meanings of the network's answers in a view: the answer, then the candidates, the best first.
 *
 * @param {Answers} answers
 * @param {(logits: Float32Array) => Float32Array} probabilityOf
 * @returns {Meaning[]}
 */
export function meaningsOf({ view, logits, ious }, probabilityOf) {
  const [answer, ...candidates] = logits.keys();
  const order = [answer, ...candidates.sort((a, b) => ious[b] - ious[a])];
  return distinct(logits, order).map((k) => ({
    layers: [{ view, probability: probabilityOf(logits[k]) }],
    predictedIou: ious[k],
  }));
}

/** The masks' numbers in an order, less those that are much the same as one before, or empty. */
function distinct(logits, order) {
  const kept = [];
  for (const number of order) {
    const isNew = kept.every((one) => {
      const { shared, union } = overlap(logits[number], logits[one]);
      return shared <= SAME_IOU * union;
    });
    const isAny = logits[number].some((value) => value > 0);
    if (isNew && (isAny || kept.length === 0)) kept.push(number);
  }
  return kept;
}

function overlap(one, other) {
  let [shared, union] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    const [a, b] = [one[i] > 0, other[i] > 0];
    if (a && b) shared++;
    if (a || b) union++;
  }
  return { shared, union };
}
