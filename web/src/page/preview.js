/**
 * What a click would give where the mouse rests, until the object has its first click. Only where the
 * engine is quick enough, so that nobody waits for a mask that nobody asked for.
 */

import { isEmpty } from "./document.js";

// Milliseconds for which the mouse must rest.
const REST = 80;
// Milliseconds from asking to the mask. Beyond this a preview comes late, and holds up the next click.
const QUICK = 150;
// So many slow ones, and there are no more: one may have been slow for another reason.
const MOST_SLOW = 2;

export class Preview {
  #work;
  #segmenter;
  #changed;
  #now;
  #at = null; // the pixel under the mouse
  #timer;
  #isAsking = false;
  #numSlow = 0;
  #found = null; // {item, mask}

  /**
   * @param {object} page
   * @param {import("./work.js").Work} page.work
   * @param {() => import("../engine/segmenter.js").Segmenter | null} page.segmenter once loaded
   * @param {() => void} page.changed there is another preview, or none any more
   * @param {() => number} [page.now] milliseconds, for tests
   */
  constructor({ work, segmenter, changed, now = () => performance.now() }) {
    [this.#work, this.#segmenter, this.#changed, this.#now] = [work, segmenter, changed, now];
  }

  /** Of the present object; null where it has a mask of its own. @returns {Uint8Array | null} */
  get mask() {
    return this.#isWanted && this.#found?.item === this.#work.item ? this.#found.mask : null;
  }

  /** The mouse is on a pixel where it would click; null: it is on none. */
  point(at) {
    if (at?.x === this.#at?.x && at?.y === this.#at?.y) return;
    this.#at = at;
    if (this.#found !== null) {
      this.#found = null;
      this.#changed();
    }
    this.#askSoon();
  }

  #askSoon() {
    clearTimeout(this.#timer);
    if (this.#at !== null && this.#isWanted) this.#timer = setTimeout(() => this.#ask(), REST);
  }

  get #isWanted() {
    const { item } = this.#work;
    return this.#numSlow < MOST_SLOW && item !== null && isEmpty(item);
  }

  async #ask() {
    const [at, { item }] = [this.#at, this.#work];
    if (this.#isAsking || !this.#isWanted || !this.#work.isIdle) return;
    this.#isAsking = true;
    const started = this.#now();
    let mask = null;
    try {
      mask = await this.#segmenter().preview(at.x, at.y);
    } catch {
      this.#numSlow = MOST_SLOW; // a click will say what is wrong
    }
    this.#isAsking = false;
    if (mask !== null && this.#now() - started > QUICK) this.#numSlow++;
    const isMoved = this.#at?.x !== at.x || this.#at?.y !== at.y;
    if (mask === null || this.#work.item !== item) return;
    if (isMoved) {
      this.#askSoon();
      return;
    }
    this.#found = { item, mask };
    this.#changed();
  }
}
