import assert from "node:assert/strict";
import { test } from "node:test";

import { wholeView } from "../../src/engine/predict/views.js";

test("a photograph is enlarged to the working size, unless the preset says otherwise", () => {
  const sizeOf = (config) => {
    const { height, width } = wholeView(300, 400, { working_size: 640, ...config });
    return [height, width];
  };
  assert.deepEqual(sizeOf({}), [480, 640]);
  assert.deepEqual(sizeOf({ enlarge: true }), [480, 640]);
  // Fractions of 9.375 and 12.5 times 32; halves go to even, as in Python.
  assert.deepEqual(sizeOf({ enlarge: false }), [288, 384]);
  assert.deepEqual(sizeOf({ enlarge: false, working_size: 200 }), [160, 192]);
});
