// A page of its own around the engine. In: a photograph and clicks. Out: the mask on a canvas.
import { Segmenter } from "./segmenter.js";

const [photo, canvas, status] = ["photo", "mask", "status"].map((id) =>
  document.getElementById(id),
);
const segmenter = await Segmenter.load("./model/");
const { width, height } = await segmenter.setImage(photo);
Object.assign(canvas, { width, height });
status.textContent = "Ready.";

photo.onclick = photo.oncontextmenu = async (event) => {
  event.preventDefault();
  const scale = width / photo.clientWidth;
  const label = event.type === "click" ? 1 : 0;
  const snapshot = await segmenter.click(event.offsetX * scale, event.offsetY * scale, label);
  if (snapshot === null) return; // a newer click has overtaken this one, and shows both
  const pixels = new ImageData(width, height);
  snapshot.mask.forEach((isObject, i) => pixels.data.set([0, 114, 178, 150 * isObject], 4 * i));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  status.textContent = `Clicks: ${snapshot.clicks.length}.`;
};

addEventListener("unhandledrejection", ({ reason }) => (status.textContent = reason.message));
