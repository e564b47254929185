/** The page: wires the canvas, the tools and the panel to the work and the engine. */

import { Stage } from "../canvas/stage.js";
import { InputError, Segmenter } from "../engine/segmenter.js";
import { clicksOfBox } from "./box.js";
import { largestPart, painted, withoutHoles } from "./cleaning.js";
import { isEmpty, sameClick } from "./document.js";
import { isProject, listenToFiles, listenToInput } from "./files.js";
import { hideMessage, showBusy, showError, showHint } from "./messages.js";
import { ObjectList } from "./objects.js";
import { othersOf } from "./others.js";
import { PhotographList } from "./photographs.js";
import { unpacked } from "./project.js";
import { valueAt } from "./runs.js";
import { Saving } from "./saving.js";
import { listenToKeys, listShortcuts } from "./shortcuts.js";
import { Storage } from "./storage.js";
import { chooseLanguage, language, number, t, translate } from "./texts.js";
import { uniqueId, Work } from "./work.js";

const MODEL = "./model/";
// Of the stage, around a photograph that fits.
const MARGIN = 0.04;
const ZOOM_STEP = 1.4;
const BRUSH_STEP = 1.25;
const BRUSH_BY_KEYBOARD = 4; // radius in pixels of the photograph

const element = (id) => document.getElementById(id);
const stage = new Stage(
  element("stage"),
  { click: addClick, remove: removeClick, choose, paint, box: addBox, zoomed: showZoom },
  { margin: MARGIN },
);
const work = new Work({ changed: show, shown: showPhotograph, failed: showError });
const photographs = new PhotographList(element("photographs"), {
  show: (photograph) => act({ type: "show", photograph }),
  close: (photograph) => act({ type: "close", photograph }),
});
const objects = new ObjectList(element("objects"), {
  select: (item) => act({ type: "select", item }),
  remove: (item) => attempt(() => work.removeItem(item)),
  rename: (item, name) => act({ type: "rename", item, name }),
});
const saving = new Saving({ work, segmenter: () => segmenter, task: askedFor });
let segmenter = null; // once loaded
let storage = null; // once opened; null where the browser keeps nothing
let isSubtracting = false;
let tool = "click"; // what one pointer does, as the canvas calls it
let view = "mask";
let probability = null; // {answer, data}: of which mask it is
let hasPicture = false; // whether the canvas ever had a photograph
let running = 0; // tasks beside the masks: opening and saving files

translate(document);
const restoring = task(restore);
load();
wire();

/** Load the network; while that runs, photographs can be chosen already. */
async function load() {
  const backend = new URLSearchParams(location.search).get("backend") ?? undefined;
  const showProgress = (fraction) => {
    element("backend").textContent = t("loading {percent} %", {
      percent: Math.round(100 * fraction),
    });
    if (!element("busy").hidden) showBusy(t("Loading the network…"), fraction);
  };
  element("backend").textContent = t("loading…");
  showBusy(t("Loading the network…"), 0);
  try {
    segmenter = await Segmenter.load(MODEL, { onProgress: showProgress, backend });
    showBackend(segmenter.backendName);
    const { preset, licence } = segmenter;
    element("licence").textContent = t("Network “{preset}”. {licence}", { preset, licence });
    work.start(segmenter);
  } catch (error) {
    element("backend").textContent = t("not loaded");
    showError(error, { label: t("Try again"), run: load });
  }
  show();
}

/** "WebAssembly, SIMD"; where there is little room, what comes after the comma is left out. */
function showBackend(name) {
  const [short, ...details] = name.split(", ");
  const rest = document.createElement("span");
  rest.className = "wide";
  rest.textContent = details.map((detail) => `, ${detail}`).join("");
  element("backend").replaceChildren(short, rest);
}

/** What was done on the last visit is there again. */
async function restore() {
  let hasFailed = false;
  const failed = () => {
    if (!hasFailed) showHint(t("This browser has no room left to keep your work. Save it."));
    hasFailed = true; // said once
  };
  let opened;
  try {
    opened = await Storage.open({ failed });
  } catch (error) {
    // Private windows keep nothing, and that is what people want of them.
    if (error instanceof InputError) showHint(t(error.message));
    return;
  }
  const kept = await opened.load();
  if (kept !== null) {
    work.add(kept);
    work.begin();
  }
  storage = opened; // nothing is written before it was read
}

// ---- What a person does --------------------------------------------------------------------------

/** Do something that may be refused in words. */
function attempt(run) {
  hideMessage();
  try {
    run();
  } catch (error) {
    showError(error);
  }
}

function act(action) {
  attempt(() => work.act(action));
}

/** Do something that takes time beside the masks. */
async function task(run) {
  running++;
  show();
  try {
    await run();
  } catch (error) {
    showError(error);
  }
  running--;
  show();
}

/** The same, for what a person asks for: what was said before is over. */
function askedFor(run) {
  hideMessage();
  return task(run);
}

function addClick(x, y, isSecondary) {
  if (work.photograph === null) return;
  if (tool === "brush") {
    paint([{ x, y }], BRUSH_BY_KEYBOARD, isSecondary);
    return;
  }
  const label = labelOf(isSecondary);
  act({ type: "click", photograph: work.photograph.id, x, y, label });
}

function labelOf(isSecondary) {
  return isSubtracting || isSecondary ? 0 : 1;
}

/** A stroke of the brush: the mask as it is seen, painted or erased, is what the object starts from. */
function paint(points, radius, isSecondary) {
  const { photograph, item } = work;
  if (item === null) return;
  const before = work.maskOf(item);
  const mask = painted(before, photograph.size, points, radius, labelOf(isSecondary));
  edit(before, mask);
}

/** Change the present object's mask by hand. @param {(mask, size) => Uint8Array} change */
function clean(change) {
  const mask = work.item && work.maskOf(work.item);
  if (mask) edit(mask, change(mask, work.photograph.size));
}

function edit(before, mask) {
  hideMessage();
  const isSame = mask.every((value, i) => value === (before ? before[i] : 0));
  if (isSame) showHint(t("That changes nothing in the mask."));
  else attempt(() => work.startFrom(mask.includes(1) ? mask : null));
}

/** A box around the object: clicks that say the same. */
function addBox(one, other) {
  const { photograph } = work;
  setTool("click");
  if (photograph === null) return;
  const clicks = clicksOfBox(one, other, photograph.size);
  act({ type: "box", photograph: photograph.id, clicks });
}

/** Go on with the object whose mask lies at a pixel. */
function choose(x, y) {
  if (work.photograph === null) return;
  const { items, size } = work.photograph;
  const others = items.filter((item) => item !== work.item);
  const chosen = others.findLast((item) => {
    const answer = work.answerOf(item);
    return answer !== null && valueAt(answer.runs, y * size.width + x) === 1;
  });
  if (chosen) act({ type: "select", item: chosen.id });
}

function removeClick(index) {
  if (work.item !== null) act({ type: "removeClick", item: work.item.id, index });
}

/** Photographs and projects. @param {File[]} files */
function open(files) {
  askedFor(async () => {
    await restoring;
    for (const file of files.filter(isProject)) await openProject(file);
    const pictures = files.filter((file) => !isProject(file));
    if (pictures.length === 0) return;
    work.open(pictures.map((blob) => ({ name: blob.name || "pasted.png", blob })));
  });
}

async function openProject(file) {
  const project = await unpacked(file, uniqueId);
  work.add(project);
  if (segmenter === null || project.preset === segmenter.preset) return;
  showHint(
    t("This project was made with the network “{preset}”. New clicks may give other masks.", {
      preset: project.preset,
    }),
  );
}

function openSample(url) {
  const name = url.split("/").at(-1);
  askedFor(async () => {
    const response = await fetch(url).catch(() => null);
    if (!response?.ok) {
      throw new InputError("The sample could not be fetched. Check the connection.");
    }
    await restoring;
    work.open([{ name, blob: await response.blob() }]);
  });
}

/** Go on to the photograph before or after the one that is shown. */
function showNeighbour(step) {
  const { photographs, current } = work.document;
  const index = photographs.findIndex(({ id }) => id === current) + step;
  if (index in photographs) act({ type: "show", photograph: photographs[index].id });
}

/** Masks from a file: one is what the present object starts from, several are objects. */
function openMask(file) {
  if (work.photograph === null) return;
  askedFor(async () => {
    const { id } = work.photograph;
    await work.settled();
    const masks = await segmenter.readMasks(file);
    if (work.photograph?.id !== id) return; // another one is shown meanwhile
    if (masks.length === 1 && masks[0].name === "") work.startFrom(masks[0].mask);
    else work.addItems(masks);
  });
}

function setSubtracting(value) {
  isSubtracting = value;
  element("mode-add").ariaPressed = String(!value);
  element("mode-subtract").ariaPressed = String(value);
  setTool();
}

/** @param {string} name "brush" or "box"; the tool in use is put away */
function toggleTool(name) {
  if (work.item === null && tool !== name) return;
  setTool(tool === name ? "click" : name);
}

function setTool(name = tool) {
  tool = name;
  for (const id of ["brush", "box"]) element(id).ariaPressed = String(tool === id);
  element("brush-size-choice").hidden = tool !== "brush";
  element("brush-size-value").textContent = element("brush-size").value;
  stage.tool = { name, radius: element("brush-size").value / 2, label: labelOf(false) };
}

function resizeBrush(factor) {
  const size = element("brush-size");
  size.value = Math.round(size.value * factor);
  setTool();
}

function setView(name) {
  view = name;
  for (const button of document.querySelectorAll("[data-view]")) {
    button.ariaPressed = String(button.dataset.view === name);
  }
  show();
}

// ---- What is shown -------------------------------------------------------------------------------

function showPhotograph({ bitmap, isScaled }) {
  hasPicture = true;
  element("empty").hidden = true;
  element("stage").hidden = false;
  stage.setPhotograph(bitmap);
  // Whoever goes through the list of photographs stays in it.
  if (!element("photographs").contains(document.activeElement)) {
    element("stage").focus({ preventScroll: true });
  }
  if (!isScaled) return;
  showHint(
    t(
      "The photograph is very large. It is worked on, and masks are saved, at {width} × {height} " +
        "pixels.",
      { width: bitmap.width, height: bitmap.height },
    ),
  );
}

/** Everything, as it is now. */
function show() {
  storage?.save(work.kept);
  showWorking();
  const hadFocus = document.activeElement !== document.body;
  showParts();
  // What had the focus may be gone.
  const active = document.activeElement;
  if (hadFocus && (active === document.body || active.closest("[hidden]"))) {
    element(element("stage").hidden ? "open-first" : "stage").focus();
  }
}

function showParts() {
  const { photograph, item } = work;
  const isNothing = work.document.current === null;
  element("stage").hidden = isNothing || !hasPicture;
  element("empty").hidden = !isNothing;
  element("zoom").hidden = isNothing;
  element("photographs-section").hidden = isNothing;
  photographs.show(work.document);
  showTools(photograph, item);
  if (item === null) {
    if (isNothing) element("objects").replaceChildren();
    element("status").textContent = element("file-name").textContent = "";
    return;
  }
  const { width, height } = photograph.size;
  showMasks(photograph, item);
  objects.show(photograph.items, photograph.present, (item) => {
    const answer = work.answerOf(item);
    return answer && answer.area / (width * height);
  });
  element("objects-hint").hidden = !isEmpty(item);
  element("status").textContent = statusOf(item);
  element("file-name").textContent = `${photograph.name} · ${width} × ${height}`;
}

function showMasks({ items, size }, item) {
  const answer = work.answerOf(item);
  const plane = (data) => data && { data, ...size };
  const known = answer?.clicks ?? [];
  if (view === "probability") updateProbability(answer);
  stage.show({
    mode: view,
    mask: plane(work.maskOf(item)),
    others: plane(othersOf(items, item, size, (one) => work.answerOf(one))),
    probability: plane(answer && probability && probability.data),
    object: items.indexOf(item),
    clicks: item.clicks.map((click) => {
      return { ...click, isPending: !known.some((one) => sameClick(one, click)) };
    }),
  });
}

/** The probability has four bytes a pixel, so it is fetched only to be seen. */
async function updateProbability(answer) {
  if (answer === null || probability?.answer === answer || !work.isIdle) return;
  probability = { answer, data: probability?.data ?? null };
  await task(async () => {
    const data = await segmenter.probability();
    if (probability.answer === answer) probability = { answer, data };
  });
}

function statusOf({ clicks }) {
  if (clicks.length === 0) return "";
  const parts = [
    clicks.length === 1 ? t("1 click") : t("{count} clicks", { count: clicks.length }),
  ];
  const time = segmenter?.snapshot?.clickMs ?? 0;
  if (time > 0) parts.push(`${number(time)} ms`);
  return parts.join(" · ");
}

function showTools(photograph, item) {
  const isReady = item !== null;
  const isStarted = isReady && !isEmpty(item);
  const isAny = isReady && photograph.items.some((one) => !isEmpty(one));
  const tools = {
    "mode-add": isReady,
    "mode-subtract": isReady,
    brush: isReady,
    box: isReady,
    undo: work.canUndo,
    redo: work.canRedo,
    reset: isReady && item.clicks.length > 0,
    "next-object": isStarted,
  };
  // They keep the focus of the keyboard, which `disabled` would take from them.
  for (const [id, isEnabled] of Object.entries(tools)) {
    element(id).ariaDisabled = isEnabled ? null : "true";
  }
  element("open-mask").disabled = !isReady;
  const hasMask = isReady && work.maskOf(item) !== null;
  element("fill-holes").disabled = element("largest-part").disabled = !hasMask;
  element("threshold").disabled = !isReady;
  if (isReady && document.activeElement !== element("threshold")) showThreshold(item.threshold);
  saving.show(isStarted, isAny);
}

function showThreshold(value) {
  element("threshold").value = value;
  element("threshold-value").textContent = number(Number(value), 2);
}

function showZoom(scale) {
  element("actual-size").textContent = `${number(100 * scale)} %`;
}

/** What is busy, unless it is over in a moment. */
function showWorking() {
  if (segmenter === null) return; // the loading says so itself
  if (isIdle()) showBusy(null);
  else showBusy(work.photograph === null ? t("Reading the photograph…") : t("Segmenting…"));
}

function isIdle() {
  return running === 0 && work.isIdle;
}

// ---- Wiring --------------------------------------------------------------------------------------

function wire() {
  const actions = {
    undo: () => attempt(() => work.undo()),
    redo: () => attempt(() => work.redo()),
    reset: () => act({ type: "reset" }),
    next: () => attempt(() => work.nextItem()),
    brush: () => toggleTool("brush"),
    box: () => toggleTool("box"),
    smaller: () => resizeBrush(1 / BRUSH_STEP),
    larger: () => resizeBrush(BRUSH_STEP),
    swap: () => setSubtracting(!isSubtracting),
    probability: () => setView(view === "probability" ? "mask" : "probability"),
    zoomIn: () => stage.zoom(ZOOM_STEP),
    zoomOut: () => stage.zoom(1 / ZOOM_STEP),
    fit: () => stage.fit(),
    actualSize: () => stage.zoomTo(1),
    save: () => work.item && !isEmpty(work.item) && saving.save("mask"),
    open: () => element("file-input").click(),
    previousPhotograph: () => showNeighbour(-1),
    nextPhotograph: () => showNeighbour(1),
    escape,
  };
  const buttons = {
    open: actions.open,
    "open-first": actions.open,
    "add-photographs": actions.open,
    "close-all": () => act({ type: "closeAll" }),
    "mode-add": () => setSubtracting(false),
    "mode-subtract": () => setSubtracting(true),
    brush: actions.brush,
    box: actions.box,
    "fill-holes": () => clean(withoutHoles),
    "largest-part": () => clean(largestPart),
    undo: actions.undo,
    redo: actions.redo,
    reset: actions.reset,
    "next-object": actions.next,
    "zoom-in": actions.zoomIn,
    "zoom-out": actions.zoomOut,
    "actual-size": actions.actualSize,
    fit: actions.fit,
    "open-mask": () => element("mask-input").click(),
    "message-close": hideMessage,
  };
  for (const [id, action] of Object.entries(buttons)) {
    element(id).addEventListener("click", () => element(id).ariaDisabled !== "true" && action());
  }
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => setView(button.dataset.view));
  }
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => openSample(button.dataset.sample));
  }
  listenToKeys(actions);
  listShortcuts(element("shortcuts"));
  wireSliders();
  listenToInput(element("file-input"), open);
  listenToInput(element("mask-input"), ([file]) => openMask(file));
  listenToFiles(open, element("drop-hint"));
  element("language").value = language;
  element("language").addEventListener("change", ({ target }) => chooseLanguage(target.value));
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("./sw.js");
}

/** Close what is open; out of a field, back to the photograph. */
function escape() {
  element("drop-hint").hidden = true;
  if (tool !== "click") setTool("click");
  else if (!hideMessage() && document.activeElement?.tagName === "INPUT") {
    if (element("stage").hidden) document.activeElement.blur();
    else element("stage").focus();
  }
}

function wireSliders() {
  const [opacity, threshold] = [element("opacity"), element("threshold")];
  opacity.addEventListener("input", () => {
    element("opacity-value").textContent = `${opacity.value} %`;
    stage.opacity = opacity.value / 100;
  });
  stage.opacity = opacity.value / 100;
  element("brush-size").addEventListener("input", () => setTool());
  threshold.addEventListener("input", () => {
    showThreshold(threshold.value);
    if (work.item === null) return;
    act({ type: "setThreshold", item: work.item.id, threshold: Number(threshold.value) });
  });
}

// For tests, which must find pixels on the page and know when all is done.
globalThis.fctsfn = {
  stage,
  isIdle: () => isIdle() && (storage === null || storage.isIdle),
  segmenter: () => segmenter,
};
