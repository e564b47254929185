// The page's own part around the canvas: what gr.HTML runs once editor.html is in the page, behind the
// files of the canvas (`script` in app.py), of which `Stage` is used here.
//
// gr.HTML gives `element`, `trigger`, `props`, `upload` and `watch`. Whatever a person does becomes
// one `act` event; app.py answers it in `props.value` (`view_of` there). One event is under way at a
// time, in the order in which they were made. Positions are in pixels of the photograph.

const MAX_WAITING = 20;
const ANSWER_SECONDS = 60;
const MAX_HEIGHT = 0.72; // of the window
const ZOOM_STEP = 1.4;

const find = (selector) => element.querySelector(selector);
const canvas = find(".stage");
const frame = find(".frame");
const stage = new Stage(
  canvas,
  { click: clicked, remove: markClicked },
  { isInScrollingPage: true },
);

let photograph = null; // {number, width, height}
let hasMask = false;
let clicks = []; // [x, y, label]
let suggestions = []; // the same
let numObjects = 0;
let canRedo = false;
let label = 1;
let view = "mask";
let laidOutWidth = 0; // of the frame
let waiting = [];
let underWay = null;
let timer = null;
let lastId = 0;
let lastSerial = 0;

// ---- To the server and back ---------------------------------------------------------------------

/** Send an event, after those that wait: {action: "click", x, y, label}, {action: "open", path,
 * name}, {action: "example", name}, {action: "remove click", index}, {action: "show", probability},
 * or an action alone. */
function act(event) {
  if (waiting.length < MAX_WAITING) waiting.push(event);
  showMarks();
  sendNext();
}

function sendNext() {
  if (underWay || waiting.length === 0) return;
  underWay = { ...waiting.shift(), id: ++lastId, photograph: photograph?.number };
  timer = setTimeout(giveUp, ANSWER_SECONDS * 1000);
  canvas.classList.add("busy");
  showMarks();
  trigger("act", underWay);
}

function giveUp() {
  waiting = [];
  settle();
  say("The server did not answer. Check the connection, then try again.");
}

function failed(error) {
  waiting = [];
  settle();
  say(`The answer could not be shown: ${error.message}. Please load the page again.`);
}

function settle() {
  clearTimeout(timer);
  underWay = null;
  canvas.classList.remove("busy");
  showMarks();
}

async function receive(value) {
  const isOwn = underWay !== null && value.answers === underWay.id;
  if (value.serial > lastSerial) {
    lastSerial = value.serial;
    if ("photograph" in value) await show(value);
    say(value.message);
  }
  if (isOwn) {
    if (value.message) waiting = [];
    settle();
    sendNext();
  }
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
  canRedo = value.canRedo ?? false;
  numObjects = value.numObjects ?? 0;
  if (picture) {
    suggestions = value.suggestions;
    waiting = [];
  }
  if (picture || photograph === null) layOut();
  if (picture) stage.setPhotograph(picture, photograph);
  // Finished objects are sent when they change.
  const changed = "objects" in value ? { others } : {};
  stage.show({ mask, probability, object: numObjects, ...changed });
  showMarks();
  find(".status").textContent = value.status ?? "No photograph yet.";
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

function say(message) {
  const box = find(".message");
  box.textContent = message ?? "";
  box.hidden = !message;
}

function enable() {
  const possible = {
    undo: clicks.length > 0,
    redo: canRedo,
    reset: clicks.length > 0,
    "next object": hasMask,
    "remove object": numObjects > 0,
  };
  for (const [action, isPossible] of Object.entries(possible)) {
    find(`[data-action="${action}"]`).disabled = !isPossible;
  }
  find(".suggest").hidden = nextSuggestion() === null;
  for (const button of element.querySelectorAll("[data-zoom]")) button.disabled = !photograph;
}

/** The suggested click that comes next, or null. */
function nextSuggestion() {
  return numObjects === 0 ? (suggestions[clicks.length] ?? null) : null;
}

// ---- On the canvas ------------------------------------------------------------------------------

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
  const isFramed = window.self !== window.top;
  return MAX_HEIGHT * (isFramed ? screen.availHeight : window.innerHeight);
}

/** Clicks, those that are not answered yet, and the suggested one. */
function showMarks() {
  const mark = ([x, y, label]) => ({ x, y, label });
  const suggestion = nextSuggestion();
  stage.show({
    clicks: clicks.map(mark),
    pending: [underWay, ...waiting].filter((event) => event?.action === "click"),
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
  if (!underWay) act({ action: "remove click", index });
}

// ---- What a person does -------------------------------------------------------------------------

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
  stage.show({ mode: view });
}

function chooseOpacity(percent) {
  stage.opacity = percent / 100;
}

function suggest() {
  const suggestion = nextSuggestion();
  if (suggestion && !underWay) clickAt(...suggestion);
}

async function open(file) {
  if (!file) return;
  find(".status").textContent = `Sending ${file.name} …`;
  say(null);
  try {
    const { path } = await upload(file);
    act({ action: "open", path, name: file.name });
  } catch (error) {
    find(".status").textContent = "Nothing was opened.";
    say(`${file.name} could not be sent: ${error.message}. Photographs may have 50 MB.`);
  }
}

const SHORTCUTS = {
  u: () => press("undo"),
  r: () => press("redo"),
  c: () => press("reset"),
  o: () => press("next object"),
  x: () => press("remove object"),
  p: () => choose(1),
  n: () => choose(0),
  s: suggest,
  v: () => {
    const views = [...find("select.view").options].map((option) => option.value);
    chooseView(views[(views.indexOf(view) + 1) % views.length]);
  },
  "+": () => stage.zoom(ZOOM_STEP),
  "=": () => stage.zoom(ZOOM_STEP),
  "-": () => stage.zoom(1 / ZOOM_STEP),
  0: () => stage.fit(),
};
// With Ctrl, or with ⌘ on a Mac.
const CTRL_SHORTCUTS = { z: () => press("undo"), y: () => press("redo") };

function press(action) {
  const button = find(`[data-action="${action}"]`);
  if (!button.disabled) act({ action });
}

function isTyping(target) {
  return target.closest("input:not([type=range]):not([type=checkbox]), textarea, select") !== null;
}

function shortcut(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", shortcut);
  if (event.altKey || isTyping(event.target)) return;
  const hasCtrl = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const isRedo = hasCtrl && event.shiftKey && key === "z";
  const run = (hasCtrl ? CTRL_SHORTCUTS : SHORTCUTS)[isRedo ? "y" : key];
  if (run) {
    event.preventDefault();
    run();
  }
}

document.addEventListener("keydown", shortcut);
for (const button of element.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => act({ action: button.dataset.action }));
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
  button.addEventListener("click", () => act({ action: "example", name: button.dataset.example }));
}
find(".suggest").addEventListener("click", suggest);
find("select.view").addEventListener("change", (event) => chooseView(event.target.value));
find("input.opacity").addEventListener("input", (event) => chooseOpacity(event.target.value));
find(".file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = ""; // so that the same file can be opened again
});
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
choose(1);
chooseView(find("select.view").value);
chooseOpacity(find("input.opacity").value);
let received = Promise.resolve();
watch("value", () => {
  const value = props.value;
  // One after the other, in order; what cannot be shown must not keep back what follows.
  received = received.then(() => receive(value)).catch(failed);
});
