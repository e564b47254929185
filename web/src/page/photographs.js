/** The list of photographs in the panel: show one, close it. */

import { isEmpty } from "./document.js";
import { fill, icon } from "./lists.js";
import { t } from "./texts.js";

export class PhotographList {
  #list;
  #on;

  /**
   * @param {HTMLUListElement} list
   * @param {{show: (id: string) => void, close: (id: string) => void}} on
   */
  constructor(list, on) {
    this.#list = list;
    this.#on = on;
  }

  /** @param {import("./document.js").Document} document */
  show({ photographs, current }) {
    const rows = photographs.map((photograph) => {
      const { id, name, items } = photograph;
      const count = items.filter((item) => !isEmpty(item)).length;
      const key = [id, id === current, count].join("\n");
      return { key, make: () => this.#row(id, name, count, id === current) };
    });
    fill(this.#list, rows);
  }

  #row(id, name, count, isCurrent) {
    const row = document.createElement("li");
    row.classList.toggle("present", isCurrent);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "select";
    if (isCurrent) button.ariaCurrent = "true";
    const text = document.createElement("span");
    text.className = "name";
    text.textContent = name;
    button.append(text);
    button.addEventListener("click", () => this.#on.show(id));
    const share = document.createElement("span");
    share.className = "share";
    share.textContent = count === 0 ? "" : `${count}`;
    share.title = count === 1 ? t("1 object") : t("{count} objects", { count });
    row.append(
      button,
      share,
      icon("close", t("Close {name}", { name }), () => this.#on.close(id)),
    );
    return row;
  }
}
