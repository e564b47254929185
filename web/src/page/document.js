/**
 * All that the page remembers of a person's work, and what each action makes of it. Pure functions:
 * a document is never changed, a new one shares what stays the same.
 *
 * @typedef {object} Click
 * @property {number} x whole pixels of the photograph
 * @property {number} y
 * @property {0 | 1} label
 * @property {number} [candidate] of a first click, which of the masks that it may have meant is taken: k
 *   is the k-th of those that the network has beside its best, which is taken where this is missing
 *
 * @typedef {object} Item one object in a photograph
 * @property {string} id
 * @property {string} name "" where the person gave none
 * @property {string | null} start id of the mask that it starts from
 * @property {Click[]} clicks oldest first
 * @property {number} threshold what is object: probability above this
 *
 * @typedef {object} Photograph
 * @property {string} id
 * @property {string} name of the file
 * @property {{width: number, height: number} | null} size null until it has been decoded
 * @property {Item[]} items never empty
 * @property {string} present id of the item that is being clicked
 *
 * @typedef {object} Document
 * @property {Photograph[]} photographs
 * @property {string | null} current id of the one that is shown
 *
 * @typedef {{type: string, [name: string]: any}} Action its `type` is a name in ACTIONS
 */

import { InputError } from "../engine/segmenter.js";

// As many as an index PNG can hold.
export const MAX_ITEMS = 254;
/** @type {Document} */
export const EMPTY = Object.freeze({ photographs: [], current: null });

/** An object that nothing is known of yet. @returns {Item} */
export function newItem(id, threshold, name = "", start = null) {
  return { id, name, start, clicks: [], threshold };
}

/** A photograph with one object, of which nothing is known. @returns {Photograph} */
export function newPhotograph({ id, name, size = null }, item) {
  return { id, name, size, items: [item], present: item.id };
}

/** @returns {Photograph | null} the one that is shown */
export function currentPhotograph({ photographs, current }) {
  return photographs.find(({ id }) => id === current) ?? null;
}

/** @returns {Item | null} the object that is being clicked */
export function presentItem(document) {
  const photograph = currentPhotograph(document);
  return photograph && photograph.items.find(({ id }) => id === photograph.present);
}

/** Whether there is nothing to make a mask of. @param {Item} item */
export function isEmpty({ start, clicks }) {
  return start === null && clicks.length === 0;
}

/** Whether two states of an object have the same mask. */
export function sameMask(a, b) {
  return (
    a.start === b.start &&
    a.threshold === b.threshold &&
    a.clicks.length === b.clicks.length &&
    a.clicks.every((click, i) => sameClick(click, b.clicks[i]))
  );
}

/** @param {Click} a @param {Click} b */
export function sameClick(a, b) {
  return samePlace(a, b) && candidateOf(a) === candidateOf(b);
}

/** Whether two clicks say the same but for the candidate. @param {Click} a @param {Click} b */
export function samePlace(a, b) {
  return a.x === b.x && a.y === b.y && a.label === b.label;
}

/** @param {Click} click @returns {number} 0 for the network's best */
export function candidateOf({ candidate = 0 }) {
  return candidate;
}

/** @param {Click} click @param {number} candidate @returns {Click} */
export function withCandidate({ x, y, label }, candidate) {
  return candidate === 0 ? { x, y, label } : { x, y, label, candidate };
}

/**
 * The document after an action; the same document where the action does nothing.
 *
 * @param {Document} document
 * @param {Action} action
 * @returns {Document}
 * @throws {InputError} where the person can mend it
 */
export function applied(document, action) {
  return ACTIONS[action.type](document, action);
}

const ACTIONS = {
  /** Photographs come in, and the first of them is shown. {photographs} */
  open: (document, { photographs }) => ({
    photographs: [...document.photographs, ...photographs],
    current: photographs[0].id,
  }),

  /** Another photograph is shown. {photograph} */
  show(document, { photograph }) {
    const isThere = document.photographs.some(({ id }) => id === photograph);
    return isThere && document.current !== photograph
      ? { ...document, current: photograph }
      : document;
  },

  /** A photograph was decoded. {photograph, size} */
  measure(document, { photograph, size }) {
    return withPhotograph(document, photograph, (old) => (old.size ? old : { ...old, size }));
  },

  /** A photograph leaves. {photograph} */
  close(document, { photograph }) {
    const index = document.photographs.findIndex(({ id }) => id === photograph);
    if (index < 0) return document;
    const photographs = document.photographs.toSpliced(index, 1);
    const neighbour = photographs[Math.min(index, photographs.length - 1)] ?? null;
    const current = document.current === photograph ? neighbour && neighbour.id : document.current;
    return { photographs, current };
  },

  /** All photographs leave. */
  closeAll: (document) => (document.photographs.length > 0 ? EMPTY : document),

  /** {photograph, x, y, label} */
  click(document, { photograph, x, y, label }) {
    if (document.current !== photograph) return document;
    return withPresent(document, (item) => {
      if (label === 0 && isEmpty(item)) {
        throw new InputError(
          "The first click must be on the object. Click it with the left button, or switch to “Add”.",
        );
      }
      return { ...item, clicks: [...item.clicks, { x, y, label }] };
    });
  },

  /** A box is drawn around the present object: clicks in the place of those before. {photograph, clicks} */
  box(document, { photograph, clicks }) {
    if (document.current !== photograph) return document;
    return withPresent(document, (item) => ({ ...item, start: null, clicks }));
  },

  /** {item, index} of a click among those of the object */
  removeClick(document, { item, index }) {
    return withItem(document, item, (old) => {
      const clicks = old.clicks.toSpliced(index, 1);
      // Without the clicks on the object, those beside it say nothing.
      const isLeft = old.start !== null || clicks.some(({ label }) => label === 1);
      return { ...old, clicks: isLeft ? positiveFirst(clicks, old.start) : [] };
    });
  },

  /** The only click of an object meant another mask. {item, candidate} */
  choose(document, { item, candidate }) {
    return withItem(document, item, (old) => {
      const [click] = old.clicks;
      if (old.start !== null || old.clicks.length !== 1) return old;
      if (candidateOf(click) === candidate) return old;
      return { ...old, clicks: [withCandidate(click, candidate)] };
    });
  },

  /** All clicks of the present object. */
  reset: (document) =>
    withPresent(document, (item) => (item.clicks.length > 0 ? { ...item, clicks: [] } : item)),

  /** The present object starts from a mask, or from nothing. {start} */
  startFrom: (document, { start }) =>
    withPresent(document, (item) =>
      item.start === start && item.clicks.length === 0 ? item : { ...item, start, clicks: [] },
    ),

  /** {item, threshold} */
  setThreshold: (document, { item, threshold }) =>
    withItem(document, item, (old) => (old.threshold === threshold ? old : { ...old, threshold })),

  /** {item, name} */
  rename: (document, { item, name }) =>
    withItem(document, item, (old) => (old.name === name ? old : { ...old, name })),

  /** The present object is done; the next one begins. {id} */
  nextItem(document, { id }) {
    const present = presentItem(document);
    if (present === null || isEmpty(present)) return document;
    return ACTIONS.addItems(document, { items: [newItem(id, present.threshold)] });
  },

  /** Objects come in behind those that are there; the last one becomes the present one. {items} */
  addItems(document, { items }) {
    return withPhotograph(document, document.current, (photograph) => {
      const present = presentItem(document);
      // An object that is still empty has only been started.
      const kept = isEmpty(present)
        ? photograph.items.filter((item) => item !== present)
        : photograph.items;
      if (kept.length + items.length > MAX_ITEMS) {
        throw new InputError(
          `There can be ${MAX_ITEMS} objects, the most that a file can hold. Open another ` +
            `photograph for more. Received ${kept.length + items.length}.`,
        );
      }
      return { ...photograph, items: [...kept, ...items], present: items.at(-1).id };
    });
  },

  /** Go on with another object. {item} */
  select(document, { item }) {
    return withPhotograph(document, document.current, (photograph) => {
      const isThere = photograph.items.some(({ id }) => id === item);
      return isThere && photograph.present !== item ? { ...photograph, present: item } : photograph;
    });
  },

  /** {item, id}: of the last object an empty one is left, which gets the id */
  removeItem(document, { item, id }) {
    return withPhotograph(document, document.current, (photograph) => {
      const index = photograph.items.findIndex((one) => one.id === item);
      if (index < 0) return photograph;
      const { threshold } = photograph.items[index];
      let items = photograph.items.toSpliced(index, 1);
      if (items.length === 0) items = [newItem(id, threshold)];
      const neighbour = items[Math.min(index, items.length - 1)];
      const present = photograph.present === item ? neighbour.id : photograph.present;
      return { ...photograph, items, present };
    });
  },
};

/** The engine wants a click on the object first, unless there is a mask to start from. */
function positiveFirst(clicks, start) {
  if (start !== null || clicks.length === 0 || clicks[0].label === 1) return clicks;
  const first = clicks.findIndex(({ label }) => label === 1);
  return [clicks[first], ...clicks.toSpliced(first, 1)];
}

/** The document with `change` made to a photograph; the same where that changes nothing. */
function withPhotograph(document, id, change) {
  const photographs = changed(document.photographs, id, change);
  return photographs === document.photographs ? document : { ...document, photographs };
}

/** The document with `change` made to an object of the photograph that is shown. */
function withItem(document, id, change) {
  return withPhotograph(document, document.current, (photograph) => {
    const items = changed(photograph.items, id, change);
    return items === photograph.items ? photograph : { ...photograph, items };
  });
}

function withPresent(document, change) {
  return withItem(document, presentItem(document)?.id, change);
}

/** A list with `change` made to the one with this id; the same list where nothing is changed. */
function changed(list, id, change) {
  const index = list.findIndex((one) => one.id === id);
  if (index < 0) return list;
  const after = change(list[index]);
  return after === list[index] ? list : list.with(index, after);
}
