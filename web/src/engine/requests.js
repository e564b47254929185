/**
 * The order in which a worker answers requests: one after the other, each click on top of the ones
 * before it, so that quick clicking gives what slow clicking gives.
 *
 * What a newer request makes needless is left out: a photograph that still waits is dropped for a
 * newer one, and the picture of a click is not sent while a newer click waits to be answered.
 */

// Requests whose answer shows the mask; of several that wait only the newest answer is shown.
const SHOWING = new Set([
  "click",
  "setClicks",
  "undo",
  "redo",
  "reset",
  "setMask",
  "setThreshold",
  "newObject",
  "selectObject",
  "removeObject",
  "setImage",
]);

/** @typedef {{id: number, method: string, args: any[]}} Request numbered in the order of sending */

export class RequestQueue {
  #pending = [];
  #isRunning = false;
  #run;
  #reply;
  #nextTurn;

  /**
   * @param {object} how
   * @param {(request: Request, isOvertaken: () => boolean) => Promise<any>} how.run answers one
   * @param {(id: number, answer: {result?: any, error?: Error}) => void} how.reply
   * @param {() => Promise<void>} how.nextTurn lets messages that have arrived come in
   */
  constructor({ run, reply, nextTurn }) {
    this.#run = run;
    this.#reply = reply;
    this.#nextTurn = nextTurn;
  }

  /** Take a request; its answer comes by `reply`, and is null where a newer one overtook it. */
  push(request) {
    if (request.method === "setImage") {
      const isDropped = ({ method }) => method === "setImage";
      for (const { id } of this.#pending.filter(isDropped)) this.#reply(id, { result: null });
      this.#pending = this.#pending.filter((waiting) => !isDropped(waiting));
    }
    this.#pending.push(request);
    if (!this.#isRunning) this.#drain();
  }

  async #drain() {
    this.#isRunning = true;
    for (;;) {
      await this.#nextTurn();
      const request = this.#pending.shift();
      if (request === undefined) break;
      const isOvertaken = () => this.#pending.some(({ method }) => SHOWING.has(method));
      try {
        this.#reply(request.id, { result: await this.#run(request, isOvertaken) });
      } catch (error) {
        this.#reply(request.id, { error });
      }
    }
    this.#isRunning = false;
  }
}
