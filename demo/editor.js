// The page's own part around the canvas: what gr.HTML runs once editor.html is in the page, behind the
// files of the canvas (`script` in app.py), of which `Stage` is used here.
//
// gr.HTML gives `element`, `trigger`, `server` and `upload`. Whatever a person does is an event for
// `server.answer`, which says what holds then (`view_of` in app.py). One event is under way at a time,
// in the order in which they were made; one without an answer is sent again. Positions are in pixels
// of the photograph.

const MAX_WAITING = 20;
const ANSWER_SECONDS = 60;
// Until an event is sent again: at first, and at most, doubling.
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 8000]; // milliseconds
const MAX_UNSHOWN = 3; // answers to one event that could not be shown
// How high the photograph may be, as shares of the window and, in a frame, of the screen; and what
// stands above and below it, in CSS pixels.
const [MAX_HEIGHT, MAX_HEIGHT_FRAMED] = [0.72, 0.55];
const AROUND = 190;
const ZOOM_STEP = 1.4;
const MIN_BOX = 3; // pixels of the photograph
const BACKDROP_SIDE = 1600; // of a picture behind the cut-out, in pixels
const STORED = "fctsfn-demo";

const find = (selector) => element.querySelector(selector);
const canvas = find(".stage");
const frame = find(".frame");
const stage = new Stage(
  canvas,
  { click: clicked, remove: markClicked, box: boxDrawn },
  { isInScrollingPage: true },
);

const page = randomName(); // events of every page have names of their own
const { key, isBack } = visitorKey();
let photograph = null; // {number, width, height}
let hasMask = false;
let clicks = []; // [x, y, label]
let suggestions = []; // the same
let numObjects = 0;
let [candidate, numCandidates] = [0, 0]; // which of the masks of a first click, and how many others
let possible = {}; // action → whether it can be carried out
let label = 1;
let view = "mask";
let background = null; // of the cut-out: a plane of RGBA, or null for squares
let isBoxAsked = false; // whether a drag draws a box
let laidOutWidth = 0; // of the frame
let waiting = []; // events without an answer, the one that is under way first
let isSending = false;
let goOn = () => {}; // ends a pause
let lastId = 0;

// ---- Who this is ---------------------------------------------------------------------------------

function randomName() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** The key under which the server keeps this visitor's work. A page that is loaded again has the one
 * it had; a copy of a tab that is still open gets its own. */
function visitorKey() {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(STORED));
  } catch {} // no storage here
  const isBack = kept?.isFree === true;
  return { key: isBack ? kept.key : randomName(), isBack };
}

function keepKey(isFree) {
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ key, isFree }));
  } catch {} // no storage here: a reload begins anew
}

// ---- To the server and back ----------------------------------------------------------------------

/** Send an event, after those that wait: {action: "click", x, y, label}, {action: "open", path,
 * name}, {action: "example", name}, {action: "remove click", index}, {action: "choose", candidate},
 * {action: "box", x0, y0, x1, y1}, {action: "start mask", path, name}, {action: "rule", threshold,
 * graphCut}, {action: "network", name}, {action: "show", probability}, {action: "next object", name},
 * or an action alone. */
function act(event) {
  if (waiting.length < MAX_WAITING) waiting.push({ ...event, key, id: `${page}-${++lastId}` });
  showMarks();
  goOn();
  send();
}

async function send() {
  if (isSending) return;
  isSending = true;
  canvas.classList.add("busy");
  while (waiting.length > 0) {
    const event = waiting[0];
    const message = await carriedOut(event);
    waiting = waiting.filter((other) => other !== event);
    if (message && ["open", "example"].includes(event.action)) waiting = []; // they were for it
    say(message);
    showMarks();
  }
  isSending = false;
  canvas.classList.remove("busy");
}

/** Have an event carried out and show what holds then, however often it must be sent. Returns the
 * message for the visitor, or null. */
async function carriedOut(event) {
  let unshown = 0;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const answer = await answerTo({ ...event, photograph: photograph?.number });
    if (answer === null || answer.isToBeSentAgain) {
      say(answer?.message ?? "The server does not answer. What you do is kept and sent again …");
      await waitFor(pause);
      continue;
    }
    try {
      if ("photograph" in answer) await show(answer);
      return answer.message;
    } catch (error) {
      unshown++;
      if (unshown === MAX_UNSHOWN) {
        return `The answer could not be shown: ${error.message}. What you do next may show it.`;
      }
      say(`The answer could not be shown: ${error.message}. Asking again …`);
      await waitFor(pause);
    }
  }
}

/** The server's answer, or null where there is none: Gradio gives undefined then. */
async function answerTo(event) {
  const late = new Promise((resolve) => setTimeout(resolve, ANSWER_SECONDS * 1000));
  return (await Promise.race([server.answer(event), late])) ?? null;
}

/** Milliseconds; whatever the person does next ends it. */
function waitFor(pause) {
  return new Promise((resolve) => {
    goOn = resolve;
    setTimeout(resolve, pause);
  });
}

/** Take over what the server says holds now, all at once when all of it is decoded. */
async function show(value) {
  const [picture, mask, others, probability] = await Promise.all([
    value.picture && pictureOf(value.picture),
    ...[value.mask, value.objects, value.probability].map(planeOf),
  ]);
  photograph = value.photograph;
  hasMask = Boolean(mask);
  clicks = value.clicks ?? [];
  numObjects = value.numObjects ?? 0;
  ({ candidate = 0, numCandidates = 0 } = value);
  possible = {
    undo: value.canUndo,
    redo: value.canRedo,
    reset: value.canReset,
    "next object": hasMask,
    "remove object": numObjects > 0,
    choose: numCandidates > 0,
  };
  if (picture) suggestions = value.suggestions;
  if (picture || photograph === null) layOut();
  if (picture) stage.setPhotograph(picture, photograph);
  // Finished objects are sent when they change.
  const changed = "objects" in value ? { others } : {};
  const shown = { mask, probability: shares(probability), object: numObjects, background };
  stage.show({ ...shown, ...changed });
  find(".status").textContent = value.status ?? "No photograph yet.";
  if (waiting.length <= 1) showSettings(value.settings);
  enable();
}

/** The photograph that a data URL holds. */
async function pictureOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return createImageBitmap(image);
}

/** A plane of numbers as pictures.py makes it, for the canvas; null for none. */
async function planeOf(plane) {
  if (!plane) return null;
  const { width, height, bits } = plane;
  const packed = Uint8Array.from(atob(plane.data), (sign) => sign.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  if (bits === 8) return { width, height, data: bytes };
  const rowLength = Math.ceil(width / 8);
  const data = new Uint8Array(width * height);
  for (let row = 0, i = 0; row < height; row++) {
    for (let col = 0; col < width; col++, i++) {
      data[i] = (bytes[row * rowLength + (col >> 3)] >> (7 - (col & 7))) & 1;
    }
  }
  return { width, height, data };
}

/** A plane of bytes, of which 255 is 1, as one of numbers in [0, 1]. */
function shares(plane) {
  return plane && { ...plane, data: Float32Array.from(plane.data, (byte) => byte / 255) };
}

function say(message) {
  const box = find(".message");
  box.textContent = message ?? "";
  box.hidden = !message;
}

function enable() {
  for (const button of element.querySelectorAll("[data-action]")) {
    button.disabled = !possible[button.dataset.action];
  }
  find(".suggest").hidden = nextSuggestion() === null;
  find("[data-action=choose]").hidden = numCandidates === 0;
  const needPhotograph = element.querySelectorAll("[data-zoom], .draw-box, .file.mask");
  for (const control of needPhotograph) control.disabled = photograph === null;
}

/** The suggested click that comes next, or null. */
function nextSuggestion() {
  return numObjects === 0 ? (suggestions[clicks.length] ?? null) : null;
}

// ---- On the canvas -------------------------------------------------------------------------------

/** Give the canvas the photograph's shape, as large as fits. */
function layOut() {
  canvas.hidden = photograph === null;
  find(".empty").hidden = photograph !== null;
  laidOutWidth = frame.clientWidth;
  if (photograph === null) return;
  const { width, height } = photograph;
  const scale = Math.min(laidOutWidth / width, maxHeight() / height);
  canvas.style.width = `${width * scale}px`;
  canvas.style.height = `${height * scale}px`;
}

/**
 * How high the photograph may be, in CSS pixels. A Space lies in a frame that is as high as what is in
 * it, so that a share of the frame's height would grow with everything that the page shows; there it
 * is a share of the screen's.
 */
function maxHeight() {
  if (window.self !== window.top) return MAX_HEIGHT_FRAMED * screen.availHeight;
  const { innerHeight, innerWidth } = window;
  const isNarrow = innerWidth < innerHeight; // then what is around lies below
  return Math.min(MAX_HEIGHT * innerHeight, isNarrow ? Infinity : innerHeight - AROUND);
}

/** Clicks, those that are not answered yet, and the suggested one. */
function showMarks() {
  const mark = ([x, y, label]) => ({ x, y, label });
  const suggestion = nextSuggestion();
  stage.show({
    clicks: clicks.map(mark),
    pending: waiting.filter((event) => event.action === "click"),
    suggestion: suggestion && mark(suggestion),
  });
}

function clicked(x, y, isSecondary) {
  clickAt(x, y, isSecondary ? 0 : label);
}

function clickAt(x, y, label) {
  act({ action: "click", x, y, label });
}

function markClicked(index) {
  // What is under way may change the clicks' numbers.
  if (waiting.length === 0) act({ action: "remove click", index });
}

// ---- A box to start from -------------------------------------------------------------------------

function askForBox(isOn) {
  isBoxAsked = isOn;
  find(".draw-box").setAttribute("aria-pressed", isOn);
  stage.tool = { name: isOn ? "box" : "click" };
  if (isOn) find(".status").textContent = "Drag a box around the object.";
}

/** Two corners, in pixels of the photograph, not whole ones and perhaps beside it. */
function boxDrawn(one, other) {
  askForBox(false);
  const inside = (value, length) => Math.min(Math.max(Math.round(value), 0), length - 1);
  const sorted = (values, length) =>
    values.map((value) => inside(value, length)).sort((a, b) => a - b);
  const [x0, x1] = sorted([one.x, other.x], photograph.width);
  const [y0, y1] = sorted([one.y, other.y], photograph.height);
  if (Math.min(x1 - x0, y1 - y0) >= MIN_BOX) act({ action: "box", x0, y0, x1, y1 });
}

// ---- What a person does --------------------------------------------------------------------------

function choose(sign) {
  label = sign;
  for (const button of element.querySelectorAll("[role=radio]")) {
    const isChosen = Number(button.dataset.label) === sign;
    button.setAttribute("aria-checked", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }
}

function chooseView(name) {
  find("select.view").value = name;
  const [had, needs] = [view, name].map((one) => one === "probability");
  if (had !== needs) act({ action: "show", probability: needs });
  view = name;
  find(".legend").hidden = view !== "probability";
  find(".behind").hidden = view !== "cutout";
  stage.show({ mode: view });
}

async function chooseBackground() {
  const kind = find("select.background").value;
  const colour = find(".colour");
  colour.hidden = kind !== "colour";
  if (kind === "picture") {
    find(".backdrop").click(); // what it brings is shown by `showBackdrop`
    return;
  }
  const rgb = colour.value.match(/[0-9a-f]{2}/g).map((byte) => parseInt(byte, 16));
  background =
    kind === "squares" ? null : planeOfPixels(Uint8ClampedArray.of(...rgb, 255), 1, 1);
  stage.show({ background });
}

/** Lay another picture behind the cut-out; it stays in the browser. */
async function showBackdrop(file) {
  if (!file || photograph === null) return;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, BACKDROP_SIDE / Math.max(photograph.width, photograph.height));
    const [width, height] = [photograph.width, photograph.height].map((side) =>
      Math.max(1, Math.round(side * scale)),
    );
    const context = new OffscreenCanvas(width, height).getContext("2d");
    const cover = Math.max(width / bitmap.width, height / bitmap.height);
    const [across, down] = [cover * bitmap.width, cover * bitmap.height];
    context.drawImage(bitmap, (width - across) / 2, (height - down) / 2, across, down);
    const { data } = context.getImageData(0, 0, width, height);
    background = planeOfPixels(data, width, height);
    find("select.background").value = "picture";
    find(".colour").hidden = true;
    stage.show({ background });
  } catch {
    say(`${file.name} is no picture that this browser shows.`);
  }
}

/** @param {Uint8ClampedArray} data RGBA [height, width, 4] */
function planeOfPixels(data, width, height) {
  return { data: new Uint32Array(data.slice().buffer), width, height };
}

function showSettings({ network, threshold, graphCut, probability }) {
  find(".network").value = network;
  find(".threshold").value = threshold;
  find(".threshold-value").textContent = Number(threshold).toFixed(2);
  find(".graph-cut").checked = graphCut;
  if (probability && view !== "probability") {
    view = "probability";
    chooseView(view);
  }
}

function rule() {
  const threshold = Number(find(".threshold").value);
  find(".threshold-value").textContent = threshold.toFixed(2);
  // Of those that are not under way, the last one counts.
  waiting = waiting.filter((event, i) => i === 0 || event.action !== "rule");
  act({ action: "rule", threshold, graphCut: find(".graph-cut").checked });
}

function suggest() {
  const suggestion = nextSuggestion();
  if (suggestion && waiting.length === 0) clickAt(...suggestion);
}

/** Send a file and have it opened: as the photograph, or as the mask to start from. */
async function open(file, action = "open") {
  if (!file) return;
  find(".status").textContent = `Sending ${file.name} …`;
  say(null);
  // A name of its own on the server, where it is deleted once it is read.
  const [ending] = file.name.match(/\.\w{1,5}$/) ?? [""];
  try {
    const { path } = await upload(new File([file], randomName() + ending, { type: file.type }));
    act({ action, path, name: file.name });
  } catch (error) {
    find(".status").textContent = "Nothing was opened.";
    say(`${file.name} could not be sent: ${error.message}. Files may have 50 MB.`);
  }
}

/** What the canvas shows, to another app, or to the clipboard where there is no such thing. */
async function share() {
  if (photograph === null) return say("There is no photograph yet. Open one, or choose an example.");
  const blob = await new Promise((resolve) => canvas.toBlob(resolve));
  const file = new File([blob], "clicked.png", { type: blob.type });
  try {
    if (navigator.canShare?.({ files: [file] })) {
      await navigator.share({ files: [file] });
    } else {
      await navigator.clipboard.write([new ClipboardItem({ [blob.type]: blob })]);
      find(".status").textContent = "The picture is in the clipboard: paste it where you like.";
    }
  } catch (error) {
    if (error.name !== "AbortError") say("This browser does not share pictures. Download it.");
  }
}

const SHORTCUTS = {
  u: () => press("undo"),
  r: () => press("redo"),
  c: () => press("reset"),
  o: () => press("next object"),
  x: () => press("remove object"),
  m: () => press("choose"),
  p: () => choose(1),
  n: () => choose(0),
  s: suggest,
  b: () => photograph && askForBox(!isBoxAsked),
  v: () => {
    const views = [...find("select.view").options].map((option) => option.value);
    chooseView(views[(views.indexOf(view) + 1) % views.length]);
  },
  escape: () => askForBox(false),
  "+": () => stage.zoom(ZOOM_STEP),
  "=": () => stage.zoom(ZOOM_STEP),
  "-": () => stage.zoom(1 / ZOOM_STEP),
  0: () => stage.fit(),
};
// With Ctrl, or with ⌘ on a Mac.
const CTRL_SHORTCUTS = { z: () => press("undo"), y: () => press("redo") };

function press(action) {
  // What is under way may make it possible.
  if (!possible[action] && waiting.length === 0) return;
  if (action === "choose") chooseNext();
  else act(action === "next object" ? { action, name: find(".name").value } : { action });
}

/** Show another of the masks that the first click may have meant; after the last one the best again. */
function chooseNext() {
  if (numCandidates === 0) return;
  const shown = waiting.findLast(({ action }) => action === "choose")?.candidate ?? candidate;
  act({ action: "choose", candidate: (shown + 1) % (numCandidates + 1) });
}

/** Whether keys are for where the person is: texts take all, choices those without Ctrl. */
function isTyping(target, hasCtrl) {
  const texts = "input[type=text], input[type=search], input[type=number], textarea";
  return target.closest(hasCtrl ? texts : `${texts}, select`) !== null;
}

function shortcut(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", shortcut, true);
  const hasCtrl = event.ctrlKey || event.metaKey;
  if (event.altKey || isTyping(event.target, hasCtrl)) return;
  const name = event.key.toLowerCase();
  const isRedo = hasCtrl && event.shiftKey && name === "z";
  const run = (hasCtrl ? CTRL_SHORTCUTS : SHORTCUTS)[isRedo ? "y" : name];
  if (run) {
    event.preventDefault();
    run();
  }
}

document.addEventListener("keydown", shortcut, true);
for (const button of element.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => press(button.dataset.action));
}
for (const button of element.querySelectorAll("[role=radio]")) {
  button.addEventListener("click", () => choose(Number(button.dataset.label)));
  button.addEventListener("keydown", (event) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    choose(1 - label);
    find("[aria-checked=true]").focus();
  });
}
for (const button of element.querySelectorAll("[data-example]")) {
  const { example, width, height } = button.dataset;
  button.addEventListener("click", (event) => {
    act({ action: "example", name: example });
    // On the large pictures of the empty page, a click is a click on the object.
    if (!width || event.detail === 0) return;
    const box = button.firstElementChild.getBoundingClientRect();
    const share = (value, start, length) => Math.min(Math.max((value - start) / length, 0), 0.999);
    const x = Math.floor(share(event.clientX, box.left, box.width) * width);
    const y = Math.floor(share(event.clientY, box.top, box.height) * height);
    clickAt(x, y, 1);
  });
}
for (const button of element.querySelectorAll("[data-save]")) {
  const { save: kind } = button.dataset;
  button.addEventListener("click", () => trigger("save", { key, kind, name: find(".name").value }));
}
for (const [selector, use] of [
  [".photo", (file) => open(file)],
  [".mask", (file) => open(file, "start mask")],
  [".backdrop", showBackdrop],
]) {
  find(`.file${selector}`).addEventListener("change", (event) => {
    use(event.target.files[0]);
    event.target.value = ""; // so that the same file can be opened again
  });
}
find(".suggest").addEventListener("click", suggest);
find(".share").addEventListener("click", share);
find(".draw-box").addEventListener("click", () => askForBox(!isBoxAsked));
find("select.view").addEventListener("change", (event) => chooseView(event.target.value));
find("select.background").addEventListener("change", chooseBackground);
find(".colour").addEventListener("input", chooseBackground);
find(".opacity").addEventListener("input", (event) => {
  stage.opacity = event.target.value / 100;
});
find(".network").addEventListener("change", (event) =>
  act({ action: "network", name: event.target.value }),
);
for (const control of [find(".threshold"), find(".graph-cut")]) {
  control.addEventListener("change", rule);
}
frame.addEventListener("dragover", (event) => {
  event.preventDefault();
  frame.classList.add("dropping");
});
frame.addEventListener("dragleave", () => frame.classList.remove("dropping"));
frame.addEventListener("drop", (event) => {
  event.preventDefault();
  frame.classList.remove("dropping");
  open(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (!isTyping(event.target)) open(event.clipboardData.files[0]);
});
for (const button of element.querySelectorAll("[data-zoom]")) {
  const factor = { in: ZOOM_STEP, out: 1 / ZOOM_STEP }[button.dataset.zoom];
  button.addEventListener("click", () => (factor ? stage.zoom(factor) : stage.fit()));
}
// Its height follows the photograph's; only another width lays out anew.
new ResizeObserver(() => frame.clientWidth !== laidOutWidth && layOut()).observe(frame);
window.addEventListener("pagehide", () => keepKey(true));
window.addEventListener("pageshow", () => keepKey(false));
window.addEventListener("online", () => goOn());
keepKey(false);
const stops = PROBABILITY_COLOURS.map((rgb) => `rgb(${rgb.join(" ")})`);
find(".scale").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
choose(1);
view = find("select.view").value; // which a browser may have kept over a reload
chooseView(view);
stage.opacity = find(".opacity").value / 100;
trigger("arrive", { key });
if (isBack) act({ action: "look" });
