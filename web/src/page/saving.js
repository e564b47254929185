/** The panel's part that saves: masks, cut-outs, all objects, the project; copy and share. */

import { currentPhotograph } from "./document.js";
import { download, listenToInput, stem } from "./files.js";
import { showHint } from "./messages.js";
import { packed } from "./project.js";
import { t } from "./texts.js";

const FILES = {
  mask: "_mask.png",
  cutout: "_cutout.png",
  index: "_objects.png",
  coco: "_coco.json",
  labelme: ".json", // as labelme looks for it beside the photograph
  yolo: ".txt", // and Ultralytics
  svg: "_objects.svg",
};
const OF_ONE = new Set(["mask", "cutout"]);
const PNG = "image/png";

const element = (id) => document.getElementById(id);

export class Saving {
  #work;
  #segmenter;
  #tasks;
  #picture = null; // a Blob, behind the cut-out

  /**
   * @param {object} page
   * @param {import("./work.js").Work} page.work
   * @param {import("./tasks.js").Tasks} page.tasks
   * @param {() => import("../engine/segmenter.js").Segmenter | null} page.segmenter once loaded
   */
  constructor({ work, tasks, segmenter }) {
    this.#work = work;
    this.#segmenter = segmenter;
    this.#tasks = tasks;
    for (const button of document.querySelectorAll("[data-save]")) {
      button.addEventListener("click", () => this.save(button.dataset.save));
    }
    element("save-project").addEventListener("click", () => this.#saveProject());
    element("copy-cutout").addEventListener("click", () => this.#copy());
    element("share-cutout").addEventListener("click", () => this.#share());
    element("copy-cutout").hidden = !canCopy();
    element("share-cutout").hidden = !canShare();
    const background = element("cutout-background");
    background.addEventListener("change", () => this.#showBackground(background.value));
    element("cutout-picture").addEventListener("click", () => element("picture-input").click());
    listenToInput(element("picture-input"), ([file]) => {
      this.#picture = file;
      element("cutout-picture").textContent = file.name;
    });
  }

  /** @param {boolean} isStarted whether the present object has a mask @param {boolean} isAny any */
  show(isStarted, isAny) {
    for (const button of document.querySelectorAll("[data-save]")) {
      button.disabled = !(OF_ONE.has(button.dataset.save) ? isStarted : isAny);
    }
    for (const id of ["copy-cutout", "share-cutout"]) element(id).disabled = !isStarted;
    element("save-project").disabled = this.#work.document.current === null;
  }

  /** Save a file of the present object or of all. @param {string} format a name in FILES */
  save(format) {
    if (this.#work.photograph === null) return;
    this.#tasks.start(async () => {
      const { name } = this.#work.photograph;
      download(await this.#fileOf(format), stem(name) + FILES[format]);
    });
  }

  /** What is seen now, once it is computed. @returns {Promise<Blob>} */
  async #fileOf(format) {
    const work = this.#work;
    await work.settled();
    const { name, items, size } = work.photograph;
    const empty = () => new Uint8Array(size.width * size.height);
    return this.#segmenter().toMask(format, {
      imageName: name,
      names: items.map((item) => item.name),
      masks: items.map((item) => work.maskOf(item) ?? empty()),
      object: items.indexOf(work.item),
      ...this.#cutoutOptions(),
    });
  }

  #cutoutOptions() {
    const kind = element("cutout-background").value;
    return {
      soft: element("cutout-soft").checked,
      crop: element("cutout-crop").checked,
      background: {
        none: null,
        colour: element("cutout-colour").value,
        picture: this.#picture,
      }[kind],
    };
  }

  #showBackground(kind) {
    element("cutout-colour-choice").hidden = kind !== "colour";
    element("cutout-picture").hidden = kind !== "picture";
    if (kind === "picture" && this.#picture === null) element("picture-input").click();
  }

  #copy() {
    this.#tasks.start(async () => {
      // The promise goes in as it is: Safari forgets the press of the button while it is awaited.
      const file = this.#fileOf("cutout");
      await navigator.clipboard.write([new ClipboardItem({ [PNG]: file })]);
      showHint(t("The cut-out is copied. Paste it where you want it."));
    });
  }

  #share() {
    this.#tasks.start(async () => {
      const name = `${stem(this.#work.photograph.name)}${FILES.cutout}`;
      const file = new File([await this.#fileOf("cutout")], name, { type: PNG });
      try {
        await navigator.share({ files: [file] });
      } catch (error) {
        if (error.name !== "AbortError") throw error; // nobody was chosen
      }
    });
  }

  #saveProject() {
    this.#tasks.start(async () => {
      await this.#work.settled();
      const { name } = currentPhotograph(this.#work.document);
      const preset = this.#segmenter()?.preset ?? "";
      download(await packed(this.#work.kept, preset), `${stem(name)}_project.zip`);
    });
  }
}

/** Not over http, nor in Firefox before 127. */
function canCopy() {
  return "ClipboardItem" in globalThis && navigator.clipboard !== undefined;
}

function canShare() {
  const file = new File([], "a.png", { type: PNG });
  return navigator.canShare?.({ files: [file] }) ?? false;
}
