/** Lists in the panel whose rows come and go without taking the keyboard's focus with them. */

/**
 * Give a list these rows. A row whose key is there already stays as it is.
 *
 * @param {HTMLElement} list
 * @param {{key: string, make: () => HTMLElement}[]} rows
 */
export function fill(list, rows) {
  const before = [...list.children];
  const byKey = new Map(before.map((row) => [row.dataset.key, row]));
  const focused = document.activeElement;
  const index = before.findIndex((row) => row.contains(focused));
  const position = index < 0 ? -1 : focusable(before[index]).indexOf(focused);
  const after = rows.map(({ key, make }) => {
    const row = byKey.get(key) ?? make();
    row.dataset.key = key;
    return row;
  });
  const isSame = after.length === before.length && after.every((row, i) => row === before[i]);
  if (isSame) return;
  // Only what changes is touched: a row that is moved loses the focus.
  for (const row of before) if (!after.includes(row)) row.remove();
  after.forEach((row, i) => {
    if (list.children[i] !== row) list.insertBefore(row, list.children[i] ?? null);
  });
  if (index < 0 || list.contains(document.activeElement)) return;
  const row = list.children[Math.min(index, list.children.length - 1)];
  const targets = row === undefined ? [] : focusable(row).filter((one) => one.type !== "text");
  const target = targets[Math.min(position, targets.length - 1)];
  (target ?? document.getElementById("stage")).focus();
}

function focusable(row) {
  return [...row.querySelectorAll("button, input")];
}

/** A small button with a picture. @param {string} name of a symbol in index.html */
export function icon(name, label, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "icon";
  button.ariaLabel = label;
  button.title = label;
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  picture.ariaHidden = "true";
  picture.append(use);
  button.append(picture);
  button.addEventListener("click", onClick);
  return button;
}
