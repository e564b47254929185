// How browsers and TensorFlow.js say that there is no memory left.
const MEMORY = /out of memory|allocat|texture size|context lost/i;

/** Bad input: one line that says what happened, what was expected, how to mend it and what came. */
export class InputError extends Error {
  constructor(message) {
    super(message);
    this.name = "InputError";
  }
}

/**
 * An error as {name, message} that can be sent to the page and that a person understands.
 *
 * @param {Error} error of any kind: ours, the browser's or TensorFlow.js'
 */
export function forPeople(error) {
  const { name } = error;
  const message = String(error.message).slice(0, 300);
  const isOfMemory = error instanceof RangeError || MEMORY.test(message);
  if (error instanceof InputError || !isOfMemory) return { name, message };
  return {
    name: "InputError",
    message:
      "The memory of this device is used up. Close other tabs, or take a smaller photograph. " +
      `The browser said: ${message}`,
  };
}
