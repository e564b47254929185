/**
 * What a first click may mean, for networks that predict how good each of their masks is; the twin of
 * fctsfn_tf/predict/first_look.py.
 *
 * @typedef {import("./predictor.js").Layer} Layer
 * @typedef {import("./views.js").View} View
 * @typedef {{layers: Layer[], predictedIou: number}} Meaning one of several masks: its layers, beside
 *   which there is nothing, and the IoU that is expected with the object that was meant
 */

// Of two masks with a higher IoU in their view, the one that is thought worse is left out.
export const SAME_IOU = 0.85;

/**
 * The meanings of the network's answers in several views, the best first: all of one view, which is the
 * best one's.
 *
 * @param {{view: View, logits: Float32Array[], ious: Float32Array}[]} answers of each view the logits of
 *   its masks [height, width], and what IoU is expected of each
 * @param {(logits: Float32Array) => Float32Array} probabilityOf
 * @returns {Meaning[]}
 */
export function meaningsOf(answers, probabilityOf) {
  const bestOf = ({ ious }) => Math.max(...ious);
  const best = answers.reduce((one, other) => (bestOf(other) > bestOf(one) ? other : one));
  const { view, logits, ious } = best;
  const order = logits.map((_, k) => k).sort((a, b) => ious[b] - ious[a]);
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
