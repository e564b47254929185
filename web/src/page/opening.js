/** Photographs, projects, samples and masks that come in. */

import { InputError } from "../engine/segmenter.js";
import { isProject } from "./files.js";
import { showHint } from "./messages.js";
import { unpacked } from "./project.js";
import { t } from "./texts.js";
import { uniqueId } from "./work.js";

export class Opening {
  #work;
  #tasks;
  #segmenter;
  #restored;

  /**
   * @param {object} page
   * @param {import("./work.js").Work} page.work
   * @param {import("./tasks.js").Tasks} page.tasks
   * @param {() => import("../engine/segmenter.js").Segmenter | null} page.segmenter once loaded
   * @param {Promise<void>} page.restored what was kept is there; what comes in comes after it
   */
  constructor({ work, tasks, segmenter, restored }) {
    this.#work = work;
    this.#tasks = tasks;
    this.#segmenter = segmenter;
    this.#restored = restored;
  }

  /** Photographs and projects. @param {File[]} files */
  open(files) {
    this.#tasks.start(async () => {
      await this.#restored;
      for (const file of files.filter(isProject)) await this.#openProject(file);
      const pictures = files.filter((file) => !isProject(file));
      if (pictures.length === 0) return;
      this.#work.open(pictures.map((blob) => ({ name: blob.name || "pasted.png", blob })));
    });
  }

  /** @param {string} url of a photograph of this site */
  openSample(url) {
    this.#tasks.start(async () => {
      const response = await fetch(url).catch(() => null);
      if (!response?.ok) {
        throw new InputError("The sample could not be fetched. Check the connection.");
      }
      await this.#restored;
      this.#work.open([{ name: url.split("/").at(-1), blob: await response.blob() }]);
    });
  }

  /** Masks from a file: one is what the present object starts from, several are objects. */
  openMask(file) {
    const { photograph } = this.#work;
    if (photograph === null) return;
    this.#tasks.start(async () => {
      await this.#work.settled(); // the engine has this photograph, too
      const masks = await this.#segmenter().readMasks(file);
      if (this.#work.photograph?.id !== photograph.id) return; // another one is shown meanwhile
      if (masks.length === 1 && masks[0].name === "") this.#work.startFrom(masks[0].mask);
      else this.#work.addItems(masks);
    });
  }

  async #openProject(file) {
    const project = await unpacked(file, uniqueId);
    this.#work.add(project);
    const { preset } = project;
    if (this.#segmenter() === null || preset === this.#segmenter().preset) return;
    showHint(
      t("This project was made with the network “{preset}”. New clicks may give other masks.", {
        preset,
      }),
    );
  }
}
