// @ts-check
// Cards of everything that can be opened: one click opens or builds; rename, duplicate, delete.

import { command } from "./cells.js";
import { button, made, startIn, typeName } from "./dom.js";
import { when } from "./works.js";

/** @import {SceneCard, Scenes} from "./wire.js" */

/** @type {HTMLElement | null} */
let root = null;
/** @type {Scenes | null} */
let last = null;

/** @param {HTMLElement} element */
export function mount(element) {
  startIn(element.querySelector("[data-scenes]"), (node) => {
    root = node;
    addEventListener("focus", () => command("list_scenes")); // others may have made some meanwhile
    document.addEventListener("click", (event) => {
      const target = /** @type {Partial<Element>} */ (event.target);
      if (target.closest?.("[data-cell-head=capture]")) command("list_scenes");
    });
    dropAnywhere();
    if (last) render(last);
    else command("list_scenes");
  });
}

/** @param {Scenes} message */
export function render(message) {
  last = message;
  if (!root || root.querySelector("input")) return; // somebody is typing a name
  const note = made("p", { className: "scenes-note", textContent: message.note });
  note.setAttribute("role", "alert");
  root.replaceChildren(...(message.note ? [note] : []), ...message.scenes.map(card));
  root.hidden = message.scenes.length === 0;
}

/** @param {SceneCard} scene */
function card(scene) {
  const node = document.createElement("div");
  node.setAttribute("role", "listitem");
  node.className = "scene";
  node.dataset.scene = scene.name;
  node.toggleAttribute("data-open", scene.open);
  const open = button("scene-open", verb(scene), () => command("open_scene", { name: scene.name }));
  open.setAttribute("aria-label", `${verb(scene)} ${scene.name}`);
  if (scene.open) open.setAttribute("aria-current", "true");
  const picture = made("img", { src: `lab/scene/${encodeURIComponent(scene.name)}/thumb`, alt: "", loading: "lazy" });
  const text = document.createElement("span");
  text.append(made("b", { textContent: scene.name }), made("small", { textContent: lineOf(scene) }));
  if (scene.work) text.append(made("small", { className: "scene-work", textContent: `${scene.work} · ${when(scene.worked ?? 0)}` }));
  open.append(picture, text);
  node.append(open);
  if ((scene.kind === "scene" || scene.kind === "unready") && !scene.building) node.append(tools(scene, node));
  return node;
}

/** @param {SceneCard} scene */
function verb(scene) {
  if (scene.open) return "Go on with";
  if (scene.building) return "Wait for";
  return scene.kind === "scene" ? "Open" : "Build";
}

/** @param {SceneCard} scene */
function lineOf(scene) {
  return scene.made === null ? scene.note : `${scene.note} · ${when(scene.made)}`;
}

/**
 * @param {SceneCard} scene
 * @param {HTMLElement} node
 */
function tools(scene, node) {
  const box = made("span", { className: "scene-tools" });
  /** @type {(icon: string, label: string, act: () => void) => void} */
  const add = (icon, label, act) => {
    const tool = button(`mini ${icon}`, label, act);
    tool.setAttribute("aria-label", `${label} ${scene.name}`);
    box.append(tool);
  };
  add("ico-pencil", "Rename", () => rename(scene, node));
  add("ico-add", "Duplicate", () => command("duplicate_scene", { name: scene.name }));
  add("ico-x", "Delete", () => {
    if (confirm(`Delete the scene “${scene.name}” with everything that was computed for it? Its photos stay.`))
      command("delete_scene", { name: scene.name });
  });
  return box;
}

/**
 * Have a name typed in its place.
 * @param {SceneCard} scene
 * @param {HTMLElement} node
 */
function rename(scene, node) {
  const place = (/** @type {HTMLInputElement} */ field) => node.append(field);
  typeName(scene.name, 48, place, (typed) => {
    if (typed) command("rename_scene", { name: scene.name, new_name: typed });
    else if (last) render(last);
  });
}

/** Files that are dropped anywhere on the page go to the cell Capture, which opens. */
function dropAnywhere() {
  const cell = /** @type {HTMLElement | null} */ (document.querySelector("#cell-capture"));
  /** @param {DragEvent} event */
  const brings = (event) => Boolean(cell && event.dataTransfer?.types.includes("Files"));
  document.addEventListener("dragover", (event) => {
    if (brings(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const field = /** @type {HTMLInputElement | null} */ (cell?.querySelector("input[type=file]"));
    const target = /** @type {Partial<Element>} */ (event.target);
    if (!brings(event) || !field || !event.dataTransfer || target.closest?.("#cell-capture")) return;
    event.preventDefault();
    const head = /** @type {HTMLElement | null} */ (document.querySelector("[data-cell-head=capture]"));
    if (head?.getAttribute("aria-expanded") !== "true") head?.click();
    field.files = event.dataTransfer.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    cell?.scrollIntoView({ block: "start", behavior: "smooth" });
  });
}
