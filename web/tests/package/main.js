// An app that uses the module as its README says; scripts/testPackage.js builds and opens it.
import { InputError, Segmenter } from "fctsfn-web";

async function main() {
  const segmenter = await Segmenter.load("model/");
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200 30 30)";
  context.fillRect(40, 30, 80, 60);
  await segmenter.setImage(canvas);
  const snapshot = await segmenter.click(80, 60);
  const isRefused = await segmenter.click(-1, 0).catch((error) => error instanceof InputError);
  const png = await segmenter.toMask("mask");
  return { area: snapshot.area, backend: segmenter.backendName, isRefused, type: png.type };
}

main().then(
  (result) => (globalThis.result = result),
  (error) => (globalThis.result = { error: String(error) }),
);
