/**
 * The order in which a worker answers requests: one after the other, each click on top of the ones
 * before it, so that quick clicking gives what slow clicking gives.
 *
 * What a newer request makes needless is left out: a photograph that still waits is dropped for a
 * newer one, with the steps on it, and the picture of a click is not sent while a newer click waits to be answered.
 */

// Requests whose answer shows the mask; of several that wait only the newest answer is shown.
const SHOWING = new Set([
  "click",
  "setClicks",
  "undo",
  "redo",
  "reset",
  "choose",
  "setMask",
  "setThreshold",
  "newObject",
  "selectObject",
  "removeObject",
  "setImage",
]);

// Shown only while nothing newer is asked for, and then not even done.
const PASSING = new Set(["preview"]);

/** @typedef {{id: number, method: string, args: any[]}} Request numbered in the order of sending */

export class RequestQueue {
  #pending = [];
  #overtaken = []; // ids of steps that are done and whose answer waits for that of a newer one
  #isRunning = false;
  #run;
  #show;
  #reply;
  #nextTurn;

  /**
   * @param {object} how
   * @param {(request: Request) => Promise<any>} how.run does what is asked
   * @param {() => any} how.show what there is to see after a step
   * @param {(id: number, answer: {result?: any, error?: Error}) => void} how.reply
   * @param {() => Promise<void>} how.nextTurn lets messages that have arrived come in
   */
  constructor({ run, show, reply, nextTurn }) {
    this.#run = run;
    this.#show = show;
    this.#reply = reply;
    this.#nextTurn = nextTurn;
  }

  /** Take a request; its answer comes by `reply`, and is null where a newer one overtook it. */
  push(request) {
    if (request.method === "setImage") this.#dropPhotograph();
    this.#pending.push(request);
    if (!this.#isRunning) this.#drain();
  }

  /** Drop a photograph that still waits and the steps on it, unless somebody wants a file of them. */
  #dropPhotograph() {
    const first = this.#pending.findIndex(({ method }) => method === "setImage");
    const isSeen = ({ method }) => !SHOWING.has(method) && !PASSING.has(method);
    if (first < 0 || this.#pending.slice(first).some(isSeen)) return;
    for (const { id } of this.#pending.splice(first)) this.#reply(id, { result: null });
  }

  async #drain() {
    this.#isRunning = true;
    for (;;) {
      await this.#nextTurn();
      const request = this.#pending.shift();
      if (request === undefined) break;
      if (PASSING.has(request.method) && this.#pending.length > 0) {
        this.#reply(request.id, { result: null });
        continue;
      }
      try {
        await this.#answer(request);
      } catch (error) {
        if (SHOWING.has(request.method)) this.#showOvertaken();
        this.#reply(request.id, { error });
      }
    }
    this.#isRunning = false;
  }

  async #answer(request) {
    const { id, method } = request;
    const result = await this.#run(request);
    if (!SHOWING.has(method)) {
      this.#reply(id, { result });
    } else if (this.#isOvertaken()) {
      this.#overtaken.push(id);
    } else {
      const shown = this.#show();
      for (const older of this.#overtaken.splice(0)) this.#reply(older, { result: null });
      this.#reply(id, { result: shown });
    }
  }

  #isOvertaken() {
    return this.#pending.some(({ method }) => SHOWING.has(method));
  }

  /** The newest step failed, so the one before it is what there is to see. */
  #showOvertaken() {
    if (this.#isOvertaken() || this.#overtaken.length === 0) return;
    const shown = this.#show();
    const last = this.#overtaken.pop();
    for (const older of this.#overtaken.splice(0)) this.#reply(older, { result: null });
    this.#reply(last, { result: shown });
  }
}
