/** The list of objects in the panel: choose, name, remove. */

import { objectColour } from "../canvas/overlay.js";

export class ObjectList {
  #list;
  #on;
  #names = [];

  /**
   * @param {HTMLUListElement} list
   * @param {{select: (index: number) => void, remove: (index: number) => void}} on
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
  }

  /** @returns {string[]} what the person called them, "" where they did not */
  get names() {
    return [...this.#names];
  }

  /** Forget all names: another photograph. */
  clear() {
    this.#names = [];
    this.#list.replaceChildren();
  }

  /** An object was removed; the names of the later ones move up. */
  forget(index) {
    this.#names.splice(index, 1);
  }

  /** Show the objects of a snapshot. */
  show({ numObjects, object, area, width, height }) {
    while (this.#names.length < numObjects) this.#names.push("");
    this.#names.length = numObjects;
    const isNaming = this.#list.contains(document.activeElement);
    const shown = this.#list.querySelector("li.present")?.dataset.index;
    // The row in which a person is typing stays; only its share changes.
    if (isNaming && shown === String(object) && this.#list.children.length === numObjects) {
      this.#list.querySelector(".share").textContent = share(area, width * height);
      return;
    }
    const rows = this.#names.map((name, i) => this.#row(name, i, i === object, numObjects));
    this.#list.replaceChildren(...rows);
    this.#list.querySelector(".share").textContent = share(area, width * height);
  }

  #row(name, index, isPresent, numObjects) {
    const row = document.createElement("li");
    row.dataset.index = index;
    row.classList.toggle("present", isPresent);
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = `rgb(${objectColour(index).join(" ")})`;
    const title = `Object ${index + 1}`;
    if (isPresent) row.append(swatch, this.#nameField(name, index, title), shareField());
    else row.append(this.#selectButton(swatch, name || title, index));
    if (numObjects > 1) row.append(this.#removeButton(index, name || title));
    return row;
  }

  #nameField(name, index, title) {
    const field = document.createElement("input");
    field.type = "text";
    field.value = name;
    field.placeholder = title;
    field.maxLength = 60;
    field.ariaLabel = `Name of ${title.toLowerCase()}`;
    field.addEventListener("input", () => (this.#names[index] = field.value.trim()));
    field.addEventListener("keydown", (event) => event.key === "Enter" && field.blur());
    return field;
  }

  #selectButton(swatch, name, index) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "select";
    button.title = `Go on with ${name}`;
    const text = document.createElement("span");
    text.className = "name";
    text.textContent = name;
    button.append(swatch, text);
    button.addEventListener("click", () => this.#on.select(index));
    return button;
  }

  #removeButton(index, name) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "icon";
    button.ariaLabel = `Remove ${name}`;
    button.append(document.querySelector("#message-close svg").cloneNode(true));
    button.addEventListener("click", () => this.#on.remove(index));
    return button;
  }
}

function shareField() {
  const field = document.createElement("span");
  field.className = "share";
  return field;
}

/** A part of the photograph in percent. */
function share(area, pixels) {
  const percent = (100 * area) / pixels;
  return `${percent.toFixed(percent < 10 ? 1 : 0)} %`;
}
