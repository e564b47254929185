/** What a person asks for: refused in words, or done in time, beside the masks. */

import { hideMessage, showError } from "./messages.js";

export class Tasks {
  #running = 0;
  #changed;

  /** @param {() => void} changed something begins or ends to run */
  constructor(changed) {
    this.#changed = changed;
  }

  get isIdle() {
    return this.#running === 0;
  }

  /** Do at once what may be refused; what was said before is over. @param {() => void} run */
  attempt(run) {
    hideMessage();
    try {
      run();
    } catch (error) {
      showError(error);
    }
  }

  /** The same for what takes time. @param {() => Promise<void>} run */
  start(run) {
    hideMessage();
    return this.beside(run);
  }

  /** The same for what nobody asked for. @param {() => Promise<void>} run */
  async beside(run) {
    this.#running++;
    this.#changed();
    try {
      await run();
    } catch (error) {
      showError(error);
    }
    this.#running--;
    this.#changed();
  }
}
