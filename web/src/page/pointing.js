/** What a pointer means on the photograph: a click, a mark's end, a stroke of the brush, a box. */

import { clicksOfBox } from "./box.js";
import { painted } from "./cleaning.js";
import { showHint } from "./messages.js";
import { valueAt } from "./runs.js";
import { t } from "./texts.js";

const BRUSH_STEP = 1.25;
const BRUSH_BY_KEYBOARD = 4; // radius in pixels of the photograph

const element = (id) => document.getElementById(id);

export class Pointing {
  #work;
  #tasks;
  #stage = null;
  #tool = "click"; // what one pointer does, as the canvas calls it
  #isSubtracting = false;

  /**
   * @param {import("./work.js").Work} work
   * @param {import("./tasks.js").Tasks} tasks
   */
  constructor(work, tasks) {
    this.#work = work;
    this.#tasks = tasks;
  }

  /** For the canvas, see its README. */
  get handlers() {
    return {
      click: (x, y, isSecondary) => this.#click(x, y, isSecondary),
      remove: (index) => this.#remove(index),
      choose: (x, y) => this.#choose(x, y),
      paint: (points, radius, isSecondary) => this.#paint(points, radius, isSecondary),
      box: (one, other) => this.#box(one, other),
    };
  }

  /** @param {import("../canvas/stage.js").Stage} stage that has these handlers */
  set stage(stage) {
    this.#stage = stage;
    element("brush-size").addEventListener("input", () => this.#setTool());
  }

  // ---- Which tool --------------------------------------------------------------------------------

  setSubtracting(value = !this.#isSubtracting) {
    this.#isSubtracting = value;
    element("mode-add").ariaPressed = String(!value);
    element("mode-subtract").ariaPressed = String(value);
    this.#setTool();
  }

  /** @param {"brush" | "box"} name the tool in use is put away */
  toggle(name) {
    if (this.#tool === name) this.#setTool("click");
    else if (this.#work.item !== null) this.#setTool(name);
  }

  /** @returns {boolean} whether there was a tool to be put away */
  putAway() {
    const wasInUse = this.#tool !== "click";
    if (wasInUse) this.#setTool("click");
    return wasInUse;
  }

  /** @param {number} steps of the brush's size, up or down */
  resizeBrush(steps) {
    const size = element("brush-size");
    size.value = Math.round(size.value * BRUSH_STEP ** steps);
    this.#setTool();
  }

  #setTool(name = this.#tool) {
    this.#tool = name;
    for (const id of ["brush", "box"]) element(id).ariaPressed = String(name === id);
    const size = element("brush-size").value;
    element("brush-size-choice").hidden = name !== "brush";
    element("brush-size-value").textContent = size;
    this.#stage.tool = { name, radius: size / 2, label: this.#labelOf(false) };
  }

  #labelOf(isSecondary) {
    return this.#isSubtracting || isSecondary ? 0 : 1;
  }

  // ---- What it does ------------------------------------------------------------------------------

  #act(action) {
    this.#tasks.attempt(() => this.#work.act(action));
  }

  #click(x, y, isSecondary) {
    const { photograph } = this.#work;
    if (photograph === null) return;
    const label = this.#labelOf(isSecondary);
    // The keyboard's crosshair has the tool, too.
    if (this.#tool === "brush") this.#paint([{ x, y }], BRUSH_BY_KEYBOARD, isSecondary);
    else this.#act({ type: "click", photograph: photograph.id, x, y, label });
  }

  #remove(index) {
    const { item } = this.#work;
    if (item !== null) this.#act({ type: "removeClick", item: item.id, index });
  }

  /** Go on with the object whose mask lies at a pixel. */
  #choose(x, y) {
    const chosen = this.otherAt({ x, y });
    if (chosen) this.#act({ type: "select", item: chosen.id });
  }

  /** The other object whose tint lies at a pixel. @returns {import("./document.js").Item | undefined} */
  otherAt({ x, y }) {
    const { photograph, item } = this.#work;
    return photograph?.items.findLast((one) => {
      const answer = one === item ? null : this.#work.answerOf(one);
      return answer !== null && valueAt(answer.runs, y * photograph.size.width + x) === 1;
    });
  }

  /** A box around the object: clicks that say the same. */
  #box(one, other) {
    const { photograph } = this.#work;
    this.#setTool("click");
    if (photograph === null) return;
    const clicks = clicksOfBox(one, other, photograph.size);
    this.#act({ type: "box", photograph: photograph.id, clicks });
  }

  #paint(points, radius, isSecondary) {
    const label = this.#labelOf(isSecondary);
    this.edit((mask, size) => painted(mask, size, points, radius, label));
  }

  /**
   * Change the present object's mask by hand. The changed mask is what it starts from then.
   *
   * @param {(mask: Uint8Array, size: {width: number, height: number}) => Uint8Array} change
   */
  edit(change) {
    const { item, photograph } = this.#work;
    if (item === null) return;
    this.#tasks.start(async () => {
      // The mask of the clicks before comes first, so that they count.
      if (!this.#work.isCurrent(item)) await this.#work.settled();
      if (this.#work.item?.id !== item.id) return; // another one is chosen meanwhile
      const { width, height } = photograph.size;
      const before = this.#work.maskOf(this.#work.item) ?? new Uint8Array(width * height);
      const mask = change(before, photograph.size);
      const isSame = mask.every((value, i) => value === before[i]);
      if (isSame) showHint(t("That changes nothing in the mask."));
      else this.#work.startFrom(mask.includes(1) ? mask : null);
    });
  }
}
