// @ts-check
// Keys of the workspace: what each does, unless somebody is typing.

/** @import {BareName} from "./wire.js" */

/** @type {{[key: string]: BareName | "part-up" | "part-down" | "brush-up" | "brush-down"}} */
const KEYS = {
  z: "undo", y: "redo", n: "new_object", g: "grow", h: "shrink",
  "+": "part-up", "=": "part-up", "-": "part-down", "[": "brush-down", "]": "brush-up",
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
