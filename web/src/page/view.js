/** Everything that is seen, drawn from the newest document and the masks that are there. */

import { Stage } from "../canvas/stage.js";
import { isEmpty, sameClick } from "./document.js";
import { showBusy, showHint } from "./messages.js";
import { ObjectList } from "./objects.js";
import { othersOf } from "./others.js";
import { PhotographList } from "./photographs.js";
import { Preview } from "./preview.js";
import { number, t } from "./texts.js";
import { sizeOf } from "./work.js";

// Of the stage, around a photograph that fits.
const MARGIN = 0.04;

const element = (id) => document.getElementById(id);

export class View {
  #work;
  #tasks;
  #segmenter;
  #saving;
  #photographs;
  #objects;
  #preview;
  #mode = "mask"; // what lies over the photograph, as the canvas calls it
  #probability = null; // {answer, data}: of which mask it is
  #hasPicture = false; // whether the canvas ever had a photograph

  /**
   * @param {object} page
   * @param {import("./work.js").Work} page.work
   * @param {import("./tasks.js").Tasks} page.tasks
   * @param {import("./pointing.js").Pointing} page.pointing
   * @param {import("./saving.js").Saving} page.saving
   * @param {() => import("../engine/segmenter.js").Segmenter | null} page.segmenter once loaded
   */
  constructor({ work, tasks, pointing, saving, segmenter }) {
    [this.#work, this.#tasks, this.#saving, this.#segmenter] = [work, tasks, saving, segmenter];
    const zoomed = (scale) => (element("actual-size").textContent = `${number(100 * scale)} %`);
    this.#preview = new Preview({ work, segmenter, changed: () => this.show() });
    const point = (at) => {
      this.#objects.point(at === null ? undefined : pointing.otherAt(at)?.id);
      this.#preview.point(this.#mode === "mask" ? at : null);
    };
    const handlers = { ...pointing.handlers, zoomed, point };
    this.stage = new Stage(element("stage"), handlers, { margin: MARGIN });
    pointing.stage = this.stage;
    const act = (action) => tasks.attempt(() => work.act(action));
    this.#photographs = new PhotographList(element("photographs"), {
      show: (photograph) => act({ type: "show", photograph }),
      close: (photograph) => act({ type: "close", photograph }),
    });
    this.#objects = new ObjectList(element("objects"), {
      select: (item) => act({ type: "select", item }),
      remove: (item) => tasks.attempt(() => work.removeItem(item)),
      rename: (item, name) => act({ type: "rename", item, name }),
    });
  }

  get mode() {
    return this.#mode;
  }

  set mode(mode) {
    this.#mode = mode;
    for (const button of document.querySelectorAll("[data-view]")) {
      button.ariaPressed = String(button.dataset.view === mode);
    }
    this.show();
  }

  /** Whether nothing is under way. */
  get isIdle() {
    return this.#tasks.isIdle && this.#work.isIdle;
  }

  /** Another photograph, once it is decoded. */
  showPhotograph(decoded) {
    const size = sizeOf(decoded);
    this.#hasPicture = true;
    element("empty").hidden = true;
    element("stage").hidden = false;
    this.stage.setPhotograph(decoded.bitmap, size);
    // Whoever goes through the list of photographs stays in it.
    if (!element("photographs").contains(document.activeElement)) {
      element("stage").focus({ preventScroll: true });
    }
    if (!decoded.isScaled) return;
    showHint(
      t(
        "The photograph is very large. It is worked on, and masks are saved, at {width} × {height} " +
          "pixels.",
        size,
      ),
    );
  }

  /** Everything, as it is now. */
  show() {
    this.#showWorking();
    const hadFocus = document.activeElement !== document.body;
    this.#showParts();
    // What had the focus may be gone.
    const active = document.activeElement;
    if (hadFocus && (active === document.body || active.closest("[hidden]"))) {
      element(element("stage").hidden ? "open-first" : "stage").focus();
    }
  }

  /** What is busy, unless it is over in a moment. */
  #showWorking() {
    if (this.#segmenter() === null) return; // the loading says so itself
    const isReading = this.#work.photograph === null;
    const text = isReading ? t("Reading the photograph…") : t("Segmenting…");
    showBusy(this.isIdle ? null : text);
  }

  #showParts() {
    const work = this.#work;
    const { photograph, item } = work;
    const isNothing = work.document.current === null;
    element("stage").hidden = isNothing || !this.#hasPicture;
    element("empty").hidden = !isNothing;
    element("zoom").hidden = isNothing;
    element("photographs-section").hidden = isNothing;
    this.#photographs.show(work.document);
    this.#showTools(photograph, item);
    if (item === null) {
      if (isNothing) element("objects").replaceChildren();
      element("status").textContent = element("file-name").textContent = "";
      return;
    }
    const { width, height } = photograph.size;
    this.#showMasks(photograph, item);
    this.#objects.show(photograph.items, photograph.present, (one) => {
      const answer = work.answerOf(one);
      return answer && answer.area / (width * height);
    });
    element("objects-hint").hidden = !isEmpty(item);
    element("next-candidate").hidden = work.numCandidates === 0;
    element("choose-hint").hidden = photograph.items.every((one) => one === item || isEmpty(one));
    element("status").textContent = this.#statusOf(item);
    element("file-name").textContent = `${photograph.name} · ${width} × ${height}`;
  }

  #showMasks({ items, size }, item) {
    const work = this.#work;
    const answer = work.answerOf(item);
    const plane = (data) => data && { data, ...size };
    const known = answer?.clicks ?? [];
    if (this.#mode === "probability") this.#updateProbability(answer);
    const { mask: preview } = this.#preview;
    this.stage.show({
      mode: this.#mode,
      mask: plane(preview ?? work.maskOf(item)),
      isPreview: preview !== null,
      others: plane(othersOf(items, item, size, (one) => work.answerOf(one))),
      probability: plane(answer && this.#probability && this.#probability.data),
      object: items.indexOf(item),
      clicks: item.clicks.map((click) => {
        return { ...click, isPending: !known.some((one) => sameClick(one, click)) };
      }),
    });
  }

  /** The probability has four bytes a pixel, so it is fetched only to be seen. */
  #updateProbability(answer) {
    if (answer === null || this.#probability?.answer === answer || !this.#work.isIdle) return;
    this.#probability = { answer, data: null };
    this.#tasks.beside(async () => {
      const data = await this.#segmenter().probability();
      if (this.#probability.answer === answer) this.#probability = { answer, data };
    });
  }

  #statusOf({ clicks }) {
    if (clicks.length === 0) return "";
    const parts = [
      clicks.length === 1 ? t("1 click") : t("{count} clicks", { count: clicks.length }),
    ];
    const time = this.#segmenter()?.snapshot?.clickMs ?? 0;
    if (time > 0) parts.push(`${number(time)} ms`);
    return parts.join(" · ");
  }

  #showTools(photograph, item) {
    const work = this.#work;
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
    element("fill-holes").disabled = element("largest-part").disabled = !isStarted;
    element("threshold").disabled = !isReady;
    if (isReady) {
      element("threshold").value = item.threshold;
      element("threshold-value").textContent = number(item.threshold, 2);
    }
    this.#saving.show(isStarted, isAny);
  }
}
