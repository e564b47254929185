/** The list of objects in the panel: choose, name, remove. */

import { objectColour } from "../canvas/overlay.js";
import { fill, icon } from "./lists.js";
import { number, t } from "./texts.js";

export class ObjectList {
  #list;
  #on;

  /**
   * @param {HTMLUListElement} list
   * @param {{select: (id: string) => void, remove: (id: string) => void,
   *   rename: (id: string, name: string) => void}} on
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
  }

  /**
   * @param {import("./document.js").Item[]} items
   * @param {string} present id of the one that is being clicked
   * @param {(item: object) => number | null} shareOf its part of the photograph; null where unknown
   */
  show(items, present, shareOf) {
    const rows = items.map((item, index) => {
      const isPresent = item.id === present;
      const title = t("Object {number}", { number: index + 1 });
      const canRemove = items.length > 1 || item.name !== "" || shareOf(item) !== null;
      // The field in which a person types must not be made anew by what is typed.
      const key = [item.id, index, isPresent, canRemove, isPresent ? "" : item.name].join("\n");
      return { key, make: () => this.#row(item, index, title, isPresent, canRemove) };
    });
    fill(this.#list, rows);
    items.forEach((item, i) => {
      const row = this.#list.children[i];
      const field = row.querySelector("input");
      if (field && field !== document.activeElement) field.value = item.name;
      row.querySelector(".share").textContent = share(shareOf(item));
    });
  }

  /** Mark the row of the object under the pointer. @param {string | undefined} id */
  point(id) {
    for (const row of this.#list.children) row.classList.toggle("pointed", row.dataset.item === id);
  }

  #row(item, index, title, isPresent, canRemove) {
    const row = document.createElement("li");
    row.dataset.item = item.id;
    row.classList.toggle("present", isPresent);
    if (isPresent) row.ariaCurrent = "true";
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = `rgb(${objectColour(index).join(" ")})`;
    const name = item.name || title;
    if (isPresent) row.append(swatch, this.#nameField(item, title));
    else row.append(this.#selectButton(swatch, name, item.id));
    const field = document.createElement("span");
    field.className = "share";
    row.append(field);
    if (canRemove) {
      row.append(icon("close", t("Remove {name}", { name }), () => this.#on.remove(item.id)));
    }
    return row;
  }

  #nameField({ id, name }, title) {
    const field = document.createElement("input");
    field.type = "text";
    field.value = name;
    field.placeholder = title;
    field.maxLength = 60;
    field.ariaLabel = t("Name of {title}", { title });
    field.addEventListener("input", () => this.#on.rename(id, field.value.trim()));
    return field;
  }

  #selectButton(swatch, name, id) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "select";
    button.title = t("Go on with {name}", { name });
    const text = document.createElement("span");
    text.className = "name";
    text.textContent = name;
    button.append(swatch, text);
    button.addEventListener("click", () => this.#on.select(id));
    return button;
  }
}

/** A part of the photograph in percent; "" where it is not known. */
function share(part) {
  if (part === null) return "";
  const percent = 100 * part;
  return `${number(percent, percent < 10 ? 1 : 0)} %`;
}
