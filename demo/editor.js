// The photograph, the mask over it and the clicks: what gr.HTML runs once canvas.html is in the page.
//
// gr.HTML gives `element`, `trigger`, `props`, `upload` and `watch`. Whatever a person does becomes
// one `act` event; app.py answers it in `props.value` (`view_of` there). One event is under way at a
// time, in the order in which they were made. Positions are [x, y] in pixels of the photograph.

const MAX_WAITING = 20;
const ANSWER_SECONDS = 60;
// Size of a mark in CSS pixels, and how near to its centre a click takes it away.
const MARK_RADIUS = 8;
const POSITIVE = "#009e73";
const NEGATIVE = "#d55e00";
// Below this size a photograph is enlarged pixel by pixel, so that single ones can be clicked.
const TINY = 200;
const MAX_HEIGHT = 0.72; // of the window
// What lies on the stage, from bottom to top; each is an image from the server, or missing.
const LAYERS = ["picture", "objects", "probability", "mask", "rim"];

const find = (selector) => element.querySelector(selector);
const stage = find(".stage");
const layers = find(".layers");
const marks = find(".marks");

let photograph = null; // {number, width, height}
let hasMask = false;
let clicks = []; // [x, y, label]
let suggestions = [];
let numObjects = 0;
let canRedo = false;
let label = 1;
let cursor = null; // [x, y] of the cross that the arrow keys move
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
  sendNext();
}

function sendNext() {
  if (underWay || waiting.length === 0) return;
  underWay = { ...waiting.shift(), id: ++lastId, photograph: photograph?.number };
  timer = setTimeout(giveUp, ANSWER_SECONDS * 1000);
  stage.classList.add("busy");
  drawMarks();
  trigger("act", underWay);
}

function giveUp() {
  settle();
  waiting = [];
  say("The server did not answer. Check the connection, then try again.");
}

function settle() {
  clearTimeout(timer);
  underWay = null;
  stage.classList.remove("busy");
  drawMarks();
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

/** Take over what the server says holds now. */
async function show(value) {
  const isNew = "picture" in value;
  const nothing = isNew ? { objects: null } : {};
  await lay({ ...nothing, ...value });
  photograph = value.photograph;
  hasMask = Boolean(value.mask);
  clicks = value.clicks ?? [];
  canRedo = value.canRedo ?? false;
  numObjects = value.numObjects ?? 0;
  if (isNew) {
    suggestions = value.suggestions;
    cursor = null;
    waiting = [];
  }
  find(".status").textContent = value.status ?? "No photograph yet.";
  enable();
  layOut();
}

/** Put the layers that `urls` names on the stage, all at once when all are decoded. */
async function lay(urls) {
  const images = LAYERS.map((name) => {
    if (urls[name] === undefined) return layers.querySelector(`.${name}`);
    if (urls[name] === null) return null;
    const image = new Image();
    image.className = name;
    image.alt = "";
    image.src = urls[name];
    return image;
  }).filter(Boolean);
  await Promise.all(images.map((image) => image.decode()));
  layers.replaceChildren(...images);
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
}

/** The suggested click that comes next, or null. */
function nextSuggestion() {
  return numObjects === 0 ? (suggestions[clicks.length] ?? null) : null;
}

// ---- Drawing ------------------------------------------------------------------------------------

/** Give the stage the photograph's shape, as large as fits. */
function layOut() {
  stage.hidden = photograph === null;
  find(".empty").hidden = photograph !== null;
  if (photograph === null) return;
  const { width, height } = photograph;
  const available = find(".frame").clientWidth;
  const scale = Math.min(available / width, (window.innerHeight * MAX_HEIGHT) / height);
  stage.style.width = `${width * scale}px`;
  stage.style.height = `${height * scale}px`;
  stage.classList.toggle("tiny", Math.max(width, height) < TINY);
  drawMarks();
}

/** Clicks, suggestions and the cross, at the screen's own resolution. */
function drawMarks() {
  if (photograph === null) return;
  const ratio = window.devicePixelRatio || 1;
  marks.width = Math.round(stage.clientWidth * ratio);
  marks.height = Math.round(stage.clientHeight * ratio);
  const context = marks.getContext("2d");
  context.scale(ratio, ratio);
  const suggestion = nextSuggestion();
  if (suggestion) drawSuggestion(context, suggestion);
  for (const click of clicks) drawMark(context, click);
  for (const event of [underWay, ...waiting]) {
    if (event?.action !== "click") continue;
    context.globalAlpha = 0.6;
    drawMark(context, [event.x, event.y, event.label]);
    context.globalAlpha = 1;
  }
  if (cursor) drawCross(context, cursor);
}

/** Where a pixel's centre lies on the stage, in CSS pixels. */
function onStage([x, y]) {
  return [
    ((Math.floor(x) + 0.5) / photograph.width) * stage.clientWidth,
    ((Math.floor(y) + 0.5) / photograph.height) * stage.clientHeight,
  ];
}

/** A green disk with a plus, or a red square with a bar: told apart without colour. */
function drawMark(context, click) {
  const [x, y] = onStage(click);
  const radius = MARK_RADIUS;
  context.beginPath();
  if (click[2]) context.arc(x, y, radius, 0, 2 * Math.PI);
  else context.rect(x - radius, y - radius, 2 * radius, 2 * radius);
  context.fillStyle = click[2] ? POSITIVE : NEGATIVE;
  context.strokeStyle = "#ffffff";
  context.lineWidth = 2;
  context.fill();
  context.stroke();
  context.beginPath();
  context.moveTo(x - radius / 2, y);
  context.lineTo(x + radius / 2, y);
  if (click[2]) {
    context.moveTo(x, y - radius / 2);
    context.lineTo(x, y + radius / 2);
  }
  context.stroke();
}

function drawSuggestion(context, click) {
  const [x, y] = onStage(click);
  for (const [colour, width] of [["#000000", 5], ["#ffffff", 2.5]]) {
    context.beginPath();
    context.setLineDash([5, 4]);
    context.arc(x, y, 15, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
  context.setLineDash([]);
}

function drawCross(context, point) {
  const [x, y] = onStage(point);
  for (const [colour, width] of [["#000000", 4], ["#ffffff", 1.5]]) {
    context.beginPath();
    context.moveTo(x - 14, y);
    context.lineTo(x + 14, y);
    context.moveTo(x, y - 14);
    context.lineTo(x, y + 14);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

// ---- What a person does -------------------------------------------------------------------------

/** The pixel [x, y] of the photograph under the pointer, whatever the page's zoom. */
function pixelUnder(event) {
  const box = stage.getBoundingClientRect();
  const within = (share, size) => Math.min(Math.max(Math.floor(share * size), 0), size - 1);
  return [
    within((event.clientX - box.left) / box.width, photograph.width),
    within((event.clientY - box.top) / box.height, photograph.height),
  ];
}

/** The number of the topmost mark under the pointer, or -1. */
function markUnder(event) {
  const box = stage.getBoundingClientRect();
  const zoom = box.width / stage.clientWidth;
  return clicks.findLastIndex((click) => {
    const [x, y] = onStage(click);
    const across = (event.clientX - box.left) / zoom - x;
    const down = (event.clientY - box.top) / zoom - y;
    return Math.hypot(across, down) <= MARK_RADIUS + 1;
  });
}

function clickAt([x, y], sign) {
  act({ action: "click", x, y, label: sign });
}

function pointed(event, sign) {
  event.preventDefault();
  if (photograph === null) return;
  cursor = null;
  const index = markUnder(event);
  if (index >= 0 && !underWay) act({ action: "remove click", index });
  else clickAt(pixelUnder(event), sign);
}

function choose(sign) {
  label = sign;
  for (const button of element.querySelectorAll("[role=radio]")) {
    const isChosen = Number(button.dataset.label) === sign;
    button.setAttribute("aria-checked", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }
}

function chooseView(view) {
  find("select.view").value = view;
  if (view === "probability") act({ action: "show", probability: true });
  else if (stage.dataset.view === "probability") act({ action: "show", probability: false });
  stage.dataset.view = view;
}

function chooseOpacity(percent) {
  stage.style.setProperty("--opacity", percent / 100);
}

function suggest() {
  const suggestion = nextSuggestion();
  if (suggestion && !underWay) clickAt(suggestion, suggestion[2]);
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
    const views = ["mask", "probability", "photograph"];
    chooseView(views[(views.indexOf(find("select.view").value) + 1) % views.length]);
  },
};

function press(action) {
  const button = find(`[data-action="${action}"]`);
  if (!button.disabled) act({ action });
}

function isTyping(target) {
  return target.closest("input:not([type=range]):not([type=checkbox]), textarea, select") !== null;
}

function shortcut(event) {
  if (!element.isConnected) return document.removeEventListener("keydown", shortcut);
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  const run = SHORTCUTS[event.key.toLowerCase()];
  if (run) {
    event.preventDefault();
    run();
  }
}

/** The keyboard's clicks: arrows move the cross (with Shift in large steps). */
function stageKey(event) {
  if (photograph === null) return;
  const { width, height } = photograph;
  const step = Math.max(1, Math.round(Math.max(width, height) * (event.shiftKey ? 0.1 : 0.01)));
  const moves = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
  };
  const from = cursor ?? [Math.floor(width / 2), Math.floor(height / 2)];
  if (event.key in moves) {
    const [across, down] = cursor ? moves[event.key] : [0, 0];
    cursor = [
      Math.min(Math.max(from[0] + across, 0), width - 1),
      Math.min(Math.max(from[1] + down, 0), height - 1),
    ];
    drawMarks();
  } else if (event.key === "Enter" || event.key === " ") {
    clickAt(from, event.shiftKey ? 1 - label : label);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    clickAt(from, 0);
  } else {
    return;
  }
  event.preventDefault();
}

stage.addEventListener("click", (event) => pointed(event, label));
stage.addEventListener("contextmenu", (event) => pointed(event, 0));
stage.addEventListener("keydown", stageKey);
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
const frame = find(".frame");
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
new ResizeObserver(layOut).observe(frame);
choose(1);
chooseView(find("select.view").value);
chooseOpacity(find("input.opacity").value);
let received = Promise.resolve();
watch("value", () => {
  const value = props.value;
  received = received.then(() => receive(value)); // one after the other, in order
});
