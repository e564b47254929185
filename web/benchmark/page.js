/** Shows what the benchmark, which runs in a worker, has found so far. */

const worker = new Worker(new URL(`./benchmark.js${location.search}`, import.meta.url), {
  type: "module",
});
worker.onmessage = ({ data: { text, isDone } }) => {
  document.querySelector("#table").textContent = text;
  if (!isDone) return;
  document.querySelector("#status").textContent = "Done.";
  globalThis.benchmark = text;
};
worker.onerror = ({ message }) => (document.querySelector("#status").textContent = message);
