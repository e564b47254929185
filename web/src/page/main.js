/** The page: wires the canvas, the tools and the panel to a `Segmenter`. */

import { Stage } from "../canvas/stage.js";
import { InputError, Segmenter } from "../engine/segmenter.js";
import { ObjectList } from "./objects.js";
import { listenToKeys, listShortcuts } from "./shortcuts.js";

const MODEL = "./model/";
const FILES = {
  mask: "_mask.png",
  cutout: "_cutout.png",
  index: "_objects.png",
  coco: "_coco.json",
};
// Errors stay until they are closed; hints go by themselves, in milliseconds.
const HINT_TIME = 6000;
// Of the stage, around a photograph that fits.
const MARGIN = 0.04;
// What takes less is not announced, so that nothing flickers; in milliseconds.
const BUSY_DELAY = 250;

const element = (id) => document.getElementById(id);
const handlers = { click: addClick, remove: removeClick };
const stage = new Stage(element("stage"), handlers, { margin: MARGIN });
const objects = new ObjectList(element("objects"), {
  select: (index) => step(() => segmenter.selectObject(index)),
  remove: (index) => {
    objects.forget(index);
    step(() => segmenter.removeObject(index));
  },
});
let segmenter = null; // once loaded
let fileName = "photograph";
let latest = null; // the snapshot that is shown
let pending = []; // clicks that no snapshot shows yet, oldest first
let isSubtracting = false;
let view = "mask";
let messageTimer = 0;
let running = 0; // steps that are not shown yet

const loading = load();
wire();

/** Load the network; while that runs, photographs can be opened already. */
async function load() {
  const backend = new URLSearchParams(location.search).get("backend") ?? undefined;
  const showProgress = (fraction) => {
    element("backend").textContent = `loading ${Math.round(100 * fraction)} %`;
    if (!element("busy").hidden) showBusy("Loading the network…", fraction);
  };
  showBusy("Loading the network…", 0);
  try {
    segmenter = await Segmenter.load(MODEL, { onProgress: showProgress, backend });
    showBackend(segmenter.backendName);
    element("licence").textContent = `Network “${segmenter.preset}”. ${segmenter.licence}`;
    setThreshold(segmenter.threshold);
  } catch (error) {
    element("backend").textContent = "not loaded";
    showError(error);
  } finally {
    hideBusy();
  }
}

/** "WebAssembly, SIMD"; where there is little room, what comes after the comma is left out. */
function showBackend(name) {
  const [short, ...details] = name.split(", ");
  const rest = document.createElement("span");
  rest.className = "wide";
  rest.textContent = details.map((detail) => `, ${detail}`).join("");
  element("backend").replaceChildren(short, rest);
}

// ---- What a person does --------------------------------------------------------------------------

/** Open a photograph. @param {Blob} file @param {string} name */
async function open(file, name) {
  hideMessage();
  await loading;
  if (segmenter === null) return;
  running++;
  showBusy("Reading the photograph…");
  try {
    const onDecoded = ({ bitmap, width, height, isScaled }) => {
      fileName = name;
      latest = null;
      pending = [];
      objects.clear();
      element("empty").hidden = true;
      element("stage").hidden = false;
      stage.setPhotograph(bitmap, { width, height });
      if (isScaled) {
        showHint(
          `The photograph is very large. It is worked on, and masks are saved, at ` +
            `${width} × ${height} pixels.`,
        );
      }
    };
    const snapshot = await segmenter.setImage(file, { onDecoded });
    if (snapshot === null) return; // a newer photograph came
    await show(snapshot);
    element("stage").focus({ preventScroll: true });
  } catch (error) {
    showError(error);
  } finally {
    running--;
    if (running === 0) hideBusy();
  }
}

function addClick(x, y, isSecondary) {
  const click = { x, y, label: isSubtracting || isSecondary ? 0 : 1 };
  const onGlance = (glance) => show(glance, click);
  step(() => segmenter.click(x, y, click.label, { onGlance }), click);
}

function removeClick(index) {
  const clicks = [...latest.clicks.filter((_, i) => i !== index), ...pending];
  step(() => segmenter.setClicks(clicks));
}

/**
 * One step of the segmenter, shown when it is done and no newer one waits.
 *
 * @param {() => Promise<object | null>} run
 * @param {{x: number, y: number, label: 0 | 1} | null} click whose mark is shown meanwhile
 */
async function step(run, click = null) {
  if (segmenter?.snapshot == null) return;
  hideMessage();
  running++;
  if (click !== null) showPending([...pending, click]);
  const latestClick = pending.at(-1) ?? null;
  const busy = setTimeout(() => showBusy("Segmenting…"), BUSY_DELAY);
  try {
    const snapshot = await run();
    if (snapshot !== null) await show(snapshot, latestClick);
  } catch (error) {
    showPending(pending.filter((one) => one !== click));
    showError(error);
  } finally {
    clearTimeout(busy);
    running--;
    if (running === 0) hideBusy();
  }
}

function setSubtracting(value) {
  isSubtracting = value;
  element("mode-add").ariaPressed = String(!value);
  element("mode-subtract").ariaPressed = String(value);
}

async function setView(name) {
  view = name;
  for (const button of document.querySelectorAll("[data-view]")) {
    button.ariaPressed = String(button.dataset.view === name);
  }
  if (latest !== null) await show(latest);
}

function setThreshold(value) {
  element("threshold").value = value;
  element("threshold-value").textContent = Number(value).toFixed(2);
}

async function save(format) {
  if (segmenter?.snapshot == null) return;
  hideMessage();
  try {
    const texts = { imageName: fileName, names: objects.names };
    const file = await segmenter.toMask(format, texts);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = fileName.replace(/\.[^.]*$/, "") + FILES[format];
    link.click();
    // The download has its own hold on the data once it has begun.
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  } catch (error) {
    showError(error);
  }
}

// ---- What is shown -------------------------------------------------------------------------------

/**
 * @param {object} snapshot
 * @param {object | null} click the latest that the snapshot holds of those that were pending
 */
async function show(snapshot, click = null) {
  latest = snapshot;
  pending = pending.slice(pending.indexOf(click) + 1);
  const { mask, others, object, clicks, width, height } = snapshot;
  // The probability has four bytes a pixel, so it is fetched only to be seen.
  const probability = view === "probability" ? await segmenter.probability() : null;
  if (snapshot !== latest) return; // a newer one came meanwhile
  const plane = (data) => data && { data, width, height };
  stage.show({
    mode: view,
    mask: plane(mask),
    others: plane(others),
    probability: plane(probability),
    object,
    clicks,
    pending,
  });
  objects.show(snapshot);
  showTools(snapshot);
  const parts = [];
  if (clicks.length > 0) {
    parts.push(`${clicks.length} ${clicks.length === 1 ? "click" : "clicks"}`);
    parts.push(`${Math.round(snapshot.clickMs)} ms`);
  }
  element("status").textContent = parts.join(" · ");
  element("file-name").textContent = `${fileName} · ${width} × ${height}`;
  element("objects-hint").hidden = mask !== null;
}

function showPending(clicks) {
  pending = clicks;
  stage.show({ pending });
}

function showTools({ mask, canUndo, canRedo, numObjects }) {
  const isEnabled = {
    "mode-add": true,
    "mode-subtract": true,
    undo: canUndo,
    redo: canRedo,
    reset: canUndo,
    "next-object": mask !== null,
    "zoom-in": true,
    "zoom-out": true,
    fit: true,
    "open-mask": true,
    threshold: true,
  };
  for (const [id, enabled] of Object.entries(isEnabled)) element(id).disabled = !enabled;
  for (const button of document.querySelectorAll("[data-save]")) {
    const isOfAll = ["index", "coco"].includes(button.dataset.save);
    button.disabled = mask === null && !(isOfAll && numObjects > 1);
  }
}

function showBusy(text, fraction) {
  element("busy").hidden = false;
  element("busy-text").textContent = text;
  if (fraction === undefined) element("busy-progress").removeAttribute("value");
  else element("busy-progress").value = fraction;
}

function hideBusy() {
  element("busy").hidden = true;
}

function showError(error) {
  if (!(error instanceof InputError)) console.error(error);
  const isForPeople = error instanceof InputError;
  showMessage(isForPeople ? error.message : `Something went wrong: ${error.message}`);
}

function showHint(text) {
  showMessage(text);
  messageTimer = setTimeout(hideMessage, HINT_TIME);
}

function showMessage(text) {
  clearTimeout(messageTimer);
  element("message-text").textContent = text;
  element("message").hidden = false;
}

function hideMessage() {
  clearTimeout(messageTimer);
  element("message").hidden = true;
}

// ---- Wiring --------------------------------------------------------------------------------------

function wire() {
  const actions = {
    undo: () => latest?.canUndo && step(() => segmenter.undo()),
    redo: () => latest?.canRedo && step(() => segmenter.redo()),
    reset: () => latest?.canUndo && step(() => segmenter.reset()),
    next: () => latest?.mask && step(() => segmenter.newObject()),
    swap: () => setSubtracting(!isSubtracting),
    probability: () => setView(view === "probability" ? "mask" : "probability"),
    zoomIn: () => stage.zoom(1.4),
    zoomOut: () => stage.zoom(1 / 1.4),
    fit: () => stage.fit(),
    save: () => latest?.mask && save("mask"),
    open: () => element("file-input").click(),
  };
  const buttons = {
    open: actions.open,
    "open-first": actions.open,
    "mode-add": () => setSubtracting(false),
    "mode-subtract": () => setSubtracting(true),
    undo: actions.undo,
    redo: actions.redo,
    reset: actions.reset,
    "next-object": actions.next,
    "zoom-in": actions.zoomIn,
    "zoom-out": actions.zoomOut,
    fit: actions.fit,
    "open-mask": () => element("mask-input").click(),
    "message-close": hideMessage,
  };
  for (const [id, action] of Object.entries(buttons)) element(id).addEventListener("click", action);
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => setView(button.dataset.view));
  }
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save));
  }
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => openSample(button.dataset.sample));
  }
  listenToKeys(actions);
  listShortcuts(element("shortcuts"));
  wireSliders();
  wireFiles();
}

function wireSliders() {
  const [opacity, threshold] = [element("opacity"), element("threshold")];
  opacity.addEventListener("input", () => {
    element("opacity-value").textContent = `${opacity.value} %`;
    stage.opacity = opacity.value / 100;
  });
  stage.opacity = opacity.value / 100;
  threshold.addEventListener("input", () => {
    setThreshold(threshold.value);
    step(() => segmenter.setThreshold(Number(threshold.value)));
  });
}

function wireFiles() {
  for (const [id, take] of [
    ["file-input", (file) => open(file, file.name)],
    ["mask-input", (file) => step(() => segmenter.setMask(file))],
  ]) {
    element(id).addEventListener("change", ({ target }) => {
      const [file] = target.files;
      target.value = ""; // so that the same file can be chosen again
      if (file) take(file);
    });
  }
  document.addEventListener("paste", ({ clipboardData }) => {
    const file = [...clipboardData.files].find(({ type }) => type.startsWith("image/"));
    if (file) open(file, file.name || "pasted.png");
  });
  const hint = element("drop-hint");
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
    const [file] = event.dataTransfer.files;
    if (file) open(file, file.name);
  });
}

async function openSample(url) {
  const response = await fetch(url);
  if (response.ok) open(await response.blob(), url.split("/").at(-1));
  else showMessage("The sample could not be fetched. Check the connection.");
}

// For tests, which must find pixels on the page and know when all is done.
globalThis.fctsfn = { stage, isIdle: () => running === 0, segmenter: () => segmenter };
