// @ts-check
// Keys of the workspace: what each does, unless somebody is typing.

import { button, made } from "./dom.js";

/** @import {BareName} from "./wire.js" */

/** @type {{[key: string]: BareName | "part-up" | "part-down" | "brush-up" | "brush-down" | "sheet"}} */
const KEYS = {
  z: "undo", y: "redo", n: "new_object", g: "grow", h: "shrink",
  "+": "part-up", "=": "part-up", "-": "part-down", "[": "brush-down", "]": "brush-up", "?": "sheet",
};

/**
 * What a key means; nothing while somebody types, or with a chord that is the browser's.
 * @param {KeyboardEvent} event
 */
export function actionOf(event) {
  const target = /** @type {Partial<Element>} */ (event.target);
  const typing = target.closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");
  const action = KEYS[event.key.toLowerCase()];
  const chord = event.ctrlKey || event.metaKey || event.altKey;
  if (!action || typing || (chord && action !== "undo" && action !== "redo")) return null;
  return chord && action === "undo" && event.shiftKey ? "redo" : action;
}

/** @type {[string, string][]} */
const SHEET = [
  ["Click", "what belongs to the object"],
  ["Right click, Shift and click", "what does not"],
  ["Drag", "a box around it"],
  ["Arrows in the photo", "move a cursor (with Shift: farther)"],
  ["Enter, Shift and Enter", "click at the cursor, or in the middle of 3D: add, take away"],
  ["Page up, Page down", "photo before, photo after"],
  ["N", "a new object"],
  ["Z, Y", "undo, redo"],
  ["− and +", "smaller part, larger whole"],
  ["H, G", "shrink, grow the selection"],
  ["[ and ]", "smaller, larger brush"],
  ["?", "this sheet"],
];

/** Show all keys, or hide them. */
export function toggleSheet() {
  const open = document.querySelector("dialog.keys");
  if (open instanceof HTMLDialogElement) {
    open.close();
    return;
  }
  const dialog = made("dialog", { className: "keys" });
  dialog.setAttribute("aria-label", "Keys");
  const list = document.createElement("dl");
  for (const [keys, meaning] of SHEET) list.append(made("dt", { textContent: keys }), made("dd", { textContent: meaning }));
  const close = button("tool wide", "Close (Escape)", () => dialog.close());
  close.textContent = "Close";
  dialog.append(made("h2", { textContent: "Keys and clicks" }), list, close);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
