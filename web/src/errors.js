/** Bad input: one line that says what happened, what was expected, how to mend it and what came. */
export class InputError extends Error {
  constructor(message) {
    super(message);
    this.name = "InputError";
  }
}
