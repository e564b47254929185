/**
 * Threads that share TensorFlow.js' WebAssembly memory and take the chunks of a kernel's work.
 *
 * TensorFlow.js' own threads are half as many as there are cores, whatever `setThreadsCount` says: on
 * two cores one. Here the worker that asks computes, too, and nobody is waited for who has not begun:
 * a thread that the system wakes late finds nothing left to do.
 */

// Into how many chunks the work of every kernel is cut: more than threads, so that all end together.
const CHUNKS = 32;
// What is in the control block, as places of an Int32Array.
const [NEXT, DONE, KERNEL, SHAPE, TILES] = [0, 1, 2, 3, 4];
const CONTROL_BYTES = 20;
// How long an idle thread looks for work before it sleeps, in looks: the kernels of a network follow
// one another at once, and waking up takes longer than some of them.
const LOOKS = 20_000;
// A thread that has not begun by then never will, in milliseconds.
const START_TIME = 3000;

/**
 * @typedef {object} Team
 * @property {number} size threads that compute, this one included
 * @property {(kernel: number, shape: number, tiles: number) => void} run tiles of a kernel
 * @property {() => void} end
 */

/**
 * @param {object} how
 * @param {WebAssembly.Module} how.module its exports `names` are called as (shape, first tile, end,
 *   scratch)
 * @param {WebAssembly.Memory} how.memory shared
 * @param {string[]} how.names of the kernels
 * @param {(bytes: number) => number} how.allocate an address in the memory
 * @param {number} how.scratchBytes that each thread needs
 * @param {number} how.size threads wanted
 * @returns {Promise<Team>}
 */
export async function makeTeam({ module, memory, names, allocate, scratchBytes, size }) {
  const { kernelsOf, takeChunks } = skills();
  const kernels = await kernelsOf(module, memory, names);
  const scratch = allocate(scratchBytes);
  if (size === 1) {
    const run = (kernel, shape, tiles) => kernels[kernel](shape, 0, tiles, scratch);
    return { size, run, end() {} };
  }
  const control = allocate(CONTROL_BYTES);
  const words = new Int32Array(memory.buffer, control, 5);
  words.fill(0);
  words[NEXT] = CHUNKS; // nothing to do
  const source = `const { serve } = (${skills})(); onmessage = ({ data }) => serve(data);`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const places = { NEXT, DONE, KERNEL, SHAPE, TILES, CHUNKS, LOOKS };
  const workers = [];
  const begun = Array.from({ length: size - 1 }, () => {
    const worker = new Worker(url);
    workers.push(worker);
    const start = { module, memory, names, control, places, scratch: allocate(scratchBytes) };
    worker.postMessage(start);
    return new Promise((resolve) => {
      worker.onmessage = () => resolve(1);
      worker.onerror = (event) => {
        event.preventDefault(); // a page whose policy forbids it has one thread
        resolve(0);
      };
      setTimeout(resolve, START_TIME, 0);
    });
  });
  const helpers = (await Promise.all(begun)).reduce((sum, one) => sum + one, 0);
  URL.revokeObjectURL(url);
  let round = 0;
  return {
    size: 1 + helpers,
    run(kernel, shape, tiles) {
      words[KERNEL] = kernel;
      words[SHAPE] = shape;
      words[TILES] = tiles;
      Atomics.store(words, DONE, 0);
      round = (round + 1) & 0xffffff;
      Atomics.store(words, NEXT, round * 2 * CHUNKS);
      Atomics.notify(words, NEXT);
      takeChunks(words, kernels, scratch, places);
      for (let looks = 0; ; looks++) {
        const done = Atomics.load(words, DONE);
        if (done === CHUNKS) return;
        if (looks > LOOKS) Atomics.wait(words, DONE, done);
      }
    },
    end() {
      for (const worker of workers) worker.terminate();
    },
  };
}

/**
 * What every thread can do. It is sent to the others as text, whatever a bundler makes of its names, so
 * it refers to nothing outside of itself.
 */
function skills() {
  /**
   * The functions of a module that computes in a memory.
   *
   * @param {WebAssembly.Module} module
   */
  async function kernelsOf(module, memory, names) {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    return names.map((name) => exports[name]);
  }

  /**
   * Take chunks of the present round until none is left. NEXT holds the round and the next chunk in
   * one number, so that nobody takes a chunk of a round that is over.
   *
   * @param {Int32Array} words the control block
   * @returns {number} NEXT when nothing is left
   */
  function takeChunks(words, kernels, scratch, { NEXT, DONE, KERNEL, SHAPE, TILES, CHUNKS }) {
    for (;;) {
      const next = Atomics.load(words, NEXT);
      const chunk = next & (2 * CHUNKS - 1);
      if (chunk >= CHUNKS) return next;
      if (Atomics.compareExchange(words, NEXT, next, next + 1) !== next) continue;
      const tiles = words[TILES];
      const [first, end] = [chunk, chunk + 1].map((part) => Math.floor((part * tiles) / CHUNKS));
      if (first < end) kernels[words[KERNEL]](words[SHAPE], first, end, scratch);
      Atomics.add(words, DONE, 1);
      Atomics.notify(words, DONE);
    }
  }

  /** The life of a thread. */
  async function serve({ module, memory, names, control, places, scratch }) {
    const kernels = await kernelsOf(module, memory, names);
    const words = new Int32Array(memory.buffer, control, 5);
    postMessage("begun");
    for (;;) {
      const idle = takeChunks(words, kernels, scratch, places);
      let looks = places.LOOKS;
      while (looks > 0 && Atomics.load(words, places.NEXT) === idle) looks--;
      if (looks === 0) Atomics.wait(words, places.NEXT, idle);
    }
  }

  return { kernelsOf, takeChunks, serve };
}
