// @ts-check
// The list of objects, and what can be taken away of them.

import { button, finder, made, typeName } from "./dom.js";

/** @import {ExportOffer, ObjectRow, Ready, Send} from "./wire.js" */

/** @type {[ExportOffer["purpose"], string][]} */
const PURPOSES = [
  ["3d", "For 3D programs"], ["splats", "As splats"], ["share", "To show others"], ["training", "To annotate or train"],
  ["again", "To go on later, or in Python"], ["all", "All of it"],
];
const GAP_PX = 6; // between the button and its menu

export class Objects {
  /** @type {Ready | null} */
  state = null;

  /**
   * @param {HTMLElement} root
   * @param {Send} tell  sends something that changes only what is shown, or can wait
   * @param {Send} busy  sends something that changes the session
   */
  constructor(root, tell, busy) {
    const find = finder(root);
    this.list = find(".ws-objects ul");
    this.take = find(".take");
    this.links = find(".take-links");
    this.mended = find(".take-mended");
    this.tell = tell;
    this.busy = busy;
    find("[data-new]").addEventListener("click", (event) => {
      if (event.detail < 2) busy("new_object"); // a double click starts one
    });
    const menu = find(".take-menu");
    menu.addEventListener("beforetoggle", () => placeBeside(menu, find(".take-open")));
  }

  /** @param {Ready} state */
  render(state) {
    this.state = state;
    const field = this.list.querySelector("input");
    if (field && document.activeElement === field) return; // somebody is typing a name
    this.list.replaceChildren(...state.objects.map((object) => this.row(object, object.id === state.current)));
    this.links.replaceChildren(...PURPOSES.flatMap(([purpose, title]) => group(title, state.exports.filter((entry) => entry.purpose === purpose))));
    this.take.hidden = state.exports.length === 0;
    this.mended.hidden = !state.splats;
  }

  /**
   * @param {ObjectRow} object
   * @param {boolean} current
   */
  row(object, current) {
    const row = document.createElement("li");
    row.toggleAttribute("data-current", current);
    row.dataset.id = String(object.id);
    row.style.setProperty("--own", object.colour);
    const eye = button("swatch", object.visible ? "Hide" : "Show", () =>
      this.tell("visible", { id: object.id, visible: !object.visible }));
    eye.setAttribute("aria-pressed", String(object.visible));
    eye.setAttribute("aria-label", `${object.visible ? "Hide" : "Show"} ${object.name}`);
    const name = button("name", "Select (double click to rename)", () => this.busy("select", { id: object.id }));
    if (current) name.setAttribute("aria-current", "true");
    name.append(made("b", { textContent: object.name }), made("small", { textContent: object.note }));
    name.addEventListener("dblclick", () => this.rename(name, object));
    const edit = button("mini ico-pencil", "Rename", () => this.rename(name, object));
    edit.setAttribute("aria-label", `Rename ${object.name}`);
    const remove = button("mini ico-x", "Delete", (event) => {
      if (event.detail < 2) this.busy("delete", { id: object.id }); // the second of two hits the row that moved up
    });
    remove.setAttribute("aria-label", `Delete ${object.name}`);
    row.append(eye, name, edit, remove);
    return row;
  }

  /**
   * Have a name typed in its place.
   * @param {HTMLElement} place
   * @param {ObjectRow} object
   */
  rename(place, object) {
    const into = (/** @type {HTMLInputElement} */ field) => place.replaceWith(field);
    typeName(object.name, 60, into, (typed) => {
      if (typed) this.tell("rename", { id: object.id, name: typed });
      else if (this.state) this.render(this.state);
    });
  }
}

/**
 * Put a menu above its button, or below where there is more room.
 * @param {HTMLElement} menu
 * @param {HTMLElement} opener
 */
function placeBeside(menu, opener) {
  const { top, bottom, right } = opener.getBoundingClientRect();
  const above = top > innerHeight - bottom;
  Object.assign(menu.style, {
    right: `${Math.max(innerWidth - right, GAP_PX)}px`,
    top: above ? "auto" : `${bottom + GAP_PX}px`,
    bottom: above ? `${innerHeight - top + GAP_PX}px` : "auto",
    maxHeight: `${(above ? top : innerHeight - bottom) - 3 * GAP_PX}px`,
  });
}

/**
 * What serves one purpose, under its heading.
 * @param {string} title
 * @param {ExportOffer[]} entries
 * @returns {HTMLElement[]}
 */
function group(title, entries) {
  if (!entries.length) return [];
  const box = made("section", {});
  box.append(made("h2", { textContent: title }), ...entries.map((entry) => exportLink(entry)));
  return [box];
}

/** @param {ExportOffer} entry */
function exportLink(entry) {
  const link = made("a", { className: "take-link", title: entry.missing || entry.summary });
  link.addEventListener("click", () => {
    const asked = ["metres", "mended"].filter((name) =>
      /** @type {HTMLInputElement | null} */ (document.querySelector(`[data-${name}]`))?.checked);
    const query = asked.map((name) => `${name}=true`).join("&");
    if (link.hasAttribute("href")) link.href = `lab/export/${entry.kind}${query && `?${query}`}`;
  });
  link.setAttribute("aria-label", `${entry.title}, ${entry.format}`);
  if (entry.missing) {
    // without an address it goes nowhere; it can still be reached by keyboard, to be told why
    link.setAttribute("role", "link");
    link.setAttribute("aria-disabled", "true");
    link.setAttribute("aria-description", entry.missing);
    link.tabIndex = 0;
  } else {
    link.href = `lab/export/${entry.kind}`;
    link.setAttribute("download", "");
  }
  link.append(made("b", { textContent: entry.title }), made("small", { textContent: entry.format }));
  return link;
}
