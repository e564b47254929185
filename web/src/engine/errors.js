// How browsers and TensorFlow.js say that there is no memory left.
const MEMORY = /out of memory|allocat|texture size|context lost/i;
const MAX_LENGTH = 300; // of a message that others wrote

/** Bad input: one line that says what happened, what was expected, how to mend it and what came. */
export class InputError extends Error {
  /** @param {string} message fit to be shown */
  constructor(message) {
    super(message);
    this.name = "InputError";
  }
}

/** The network could not be loaded: one line that says what is missing or damaged, fit to be shown. */
export class LoadError extends Error {
  /**
   * @param {string} message
   * @param {boolean} [retryable]
   */
  constructor(message, retryable = true) {
    super(message);
    this.name = "LoadError";
    /** Whether loading again may help: the connection failed, or what came was damaged on its way. */
    this.retryable = retryable;
  }
}

/** Something inside of the module or of the browser failed; the message says what, in their words. */
export class EngineError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = "EngineError";
  }
}

/**
 * An error of any kind, ours, the browser's or TensorFlow.js', as what can be sent to the page.
 *
 * @param {any} error
 * @returns {{name: string, message: string, retryable?: boolean}} for `fromSent`
 */
export function toSend(error) {
  const message = String(error?.message ?? error).slice(0, MAX_LENGTH);
  if (error instanceof InputError) return { name: "InputError", message: error.message };
  if (error instanceof LoadError) {
    return { name: "LoadError", message: error.message, retryable: error.retryable };
  }
  if (!(error instanceof RangeError) && !MEMORY.test(message)) {
    return { name: "EngineError", message };
  }
  return {
    name: "InputError",
    message:
      "The memory of this device is used up. Close other tabs, or take a smaller photograph. " +
      `The browser said: ${message}`,
  };
}

/**
 * The error that `toSend` was told of.
 *
 * @param {{name: string, message: string, retryable?: boolean}} sent
 */
export function fromSent({ name, message, retryable }) {
  if (name === "InputError") return new InputError(message);
  return name === "LoadError" ? new LoadError(message, retryable) : new EngineError(message);
}
