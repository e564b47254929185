/** Files in and out: what was dropped, pasted or chosen, and what is saved. */

// The download has its own hold on the data once it has begun; in milliseconds.
const REVOKE_DELAY = 10_000;

/** Save a file under a name, as the browser does it. @param {Blob} file @param {string} name */
export function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), REVOKE_DELAY);
}

/** A file's name without what comes after its last dot. */
export function stem(name) {
  return name.replace(/\.[^.]*$/, "");
}

/** Whether a file may be a project: everything else is taken for a photograph. */
export function isProject({ type, name }) {
  return /zip/.test(type) || /\.zip$/i.test(name);
}

/**
 * Listen to files that are chosen, dropped or pasted.
 *
 * @param {(files: File[]) => void} take
 * @param {HTMLElement} hint shown while files are dragged over the page
 */
export function listenToFiles(take, hint) {
  document.addEventListener("paste", ({ clipboardData }) => {
    const files = [...clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (files.length > 0) take(files);
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    hint.hidden = !event.dataTransfer.types.includes("Files");
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) hint.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    hint.hidden = true;
    const files = [...event.dataTransfer.files];
    if (files.length > 0) take(files);
  });
}

/** @param {HTMLInputElement} input of files @param {(files: File[]) => void} take */
export function listenToInput(input, take) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length > 0) take(files);
  });
}
