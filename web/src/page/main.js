/** The page: wires the canvas, the tools and the panel to the work and the engine. */

import { InputError, Segmenter } from "../engine/segmenter.js";
import { largestPart, withoutHoles } from "./cleaning.js";
import { isEmpty } from "./document.js";
import { listenToFiles, listenToInput } from "./files.js";
import { hideMessage, showBusy, showError, showHint } from "./messages.js";
import { Opening } from "./opening.js";
import { Pointing } from "./pointing.js";
import { Saving } from "./saving.js";
import { listenToKeys, listShortcuts } from "./shortcuts.js";
import { Storage } from "./storage.js";
import { Tasks } from "./tasks.js";
import { chooseLanguage, language, t, translate } from "./texts.js";
import { View } from "./view.js";
import { Work } from "./work.js";

const MODEL = "./model/";
const ZOOM_STEP = 1.4;

const element = (id) => document.getElementById(id);
let loaded = null; // the segmenter, once it is there
let storage = null; // once what it kept is restored; null where the browser keeps nothing

translate(document);
const segmenter = () => loaded;
const work = new Work({
  changed: show,
  shown: (decoded) => view.showPhotograph(decoded),
  failed: showError,
});
const tasks = new Tasks(show);
const pointing = new Pointing(work, tasks);
const saving = new Saving({ work, tasks, segmenter });
const view = new View({ work, tasks, pointing, saving, segmenter });
const restored = tasks.beside(restore);
const opening = new Opening({ work, tasks, segmenter, restored });
load();
wire();

/** All that is seen, and kept, is what holds now. */
function show() {
  storage?.save(work.kept);
  view.show();
}

/** Load the network; while that runs, photographs can be chosen already. */
async function load() {
  const backend = new URLSearchParams(location.search).get("backend") ?? undefined;
  const onProgress = (fraction) => {
    const percent = Math.round(100 * fraction);
    element("backend").textContent = t("loading {percent} %", { percent });
    if (!element("busy").hidden) showBusy(t("Loading the network…"), fraction);
  };
  element("backend").textContent = t("loading…");
  showBusy(t("Loading the network…"), 0);
  try {
    loaded = await Segmenter.load(MODEL, { onProgress, backend });
    showBackend(loaded.backendName);
    const { preset, licence } = loaded;
    element("licence").textContent = t("Network “{preset}”. {licence}", { preset, licence });
    work.start(loaded);
    show();
  } catch (error) {
    element("backend").textContent = t("not loaded");
    showBusy(null);
    // What is damaged on the site itself stays damaged.
    showError(error, error.retryable === false ? null : { label: t("Try again"), run: load });
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

function act(action) {
  tasks.attempt(() => work.act(action));
}

/** Go on to the photograph before or after the one that is shown. */
function showNeighbour(step) {
  const { photographs, current } = work.document;
  const index = photographs.findIndex(({ id }) => id === current) + step;
  if (index in photographs) act({ type: "show", photograph: photographs[index].id });
}

/** Close what is open; out of a field, back to the photograph. */
function escape() {
  element("drop-hint").hidden = true;
  if (pointing.putAway() || hideMessage() || document.activeElement?.tagName !== "INPUT") return;
  if (element("stage").hidden) document.activeElement.blur();
  else element("stage").focus();
}

function wire() {
  const { stage } = view;
  const actions = {
    undo: () => tasks.attempt(() => work.undo()),
    redo: () => tasks.attempt(() => work.redo()),
    reset: () => act({ type: "reset" }),
    next: () => tasks.attempt(() => work.nextItem()),
    candidate: () => tasks.attempt(() => work.nextCandidate()),
    brush: () => pointing.toggle("brush"),
    box: () => pointing.toggle("box"),
    smaller: () => pointing.resizeBrush(-1),
    larger: () => pointing.resizeBrush(1),
    swap: () => pointing.setSubtracting(),
    probability: () => (view.mode = view.mode === "probability" ? "mask" : "probability"),
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
  listenToKeys(actions);
  listShortcuts(element("shortcuts"));
  wireButtons(actions);
  wireSliders(stage);
  const open = (files) => opening.open(files);
  listenToInput(element("file-input"), open);
  listenToInput(element("mask-input"), ([file]) => opening.openMask(file));
  listenToFiles(open, element("drop-hint"));
  element("language").value = language;
  element("language").addEventListener("change", ({ target }) => chooseLanguage(target.value));
}

function wireButtons(actions) {
  const buttons = {
    open: actions.open,
    "open-first": actions.open,
    "add-photographs": actions.open,
    "close-all": () => act({ type: "closeAll" }),
    "mode-add": () => pointing.setSubtracting(false),
    "mode-subtract": () => pointing.setSubtracting(true),
    brush: actions.brush,
    box: actions.box,
    "fill-holes": () => pointing.edit(withoutHoles),
    "largest-part": () => pointing.edit(largestPart),
    undo: actions.undo,
    redo: actions.redo,
    reset: actions.reset,
    "next-object": actions.next,
    "next-candidate": actions.candidate,
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
    button.addEventListener("click", () => (view.mode = button.dataset.view));
  }
  for (const button of document.querySelectorAll("[data-sample]")) {
    button.addEventListener("click", () => opening.openSample(button.dataset.sample));
  }
}

function wireSliders(stage) {
  const [opacity, threshold] = [element("opacity"), element("threshold")];
  opacity.addEventListener("input", () => {
    element("opacity-value").textContent = `${opacity.value} %`;
    stage.opacity = opacity.value / 100;
  });
  stage.opacity = opacity.value / 100;
  threshold.addEventListener("input", () => {
    if (work.item === null) return;
    act({ type: "setThreshold", item: work.item.id, threshold: Number(threshold.value) });
  });
}

// For tests, which must find pixels on the page and know when all is done.
globalThis.fctsfn = {
  stage: view.stage,
  isIdle: () => view.isIdle && (storage === null || storage.isIdle),
  segmenter,
};
