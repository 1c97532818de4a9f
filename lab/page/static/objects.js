// @ts-check
// The list of objects, and what can be taken away of them.

import { button, finder, made, typeName } from "./dom.js";

/** @import {ExportOffer, ObjectRow, Ready, Send} from "./wire.js" */

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
    this.tell = tell;
    this.busy = busy;
  }

  /** @param {Ready} state */
  render(state) {
    this.state = state;
    const field = this.list.querySelector("input");
    if (field && document.activeElement === field) return; // somebody is typing a name
    this.list.replaceChildren(...state.objects.map((object) => this.row(object, object.id === state.current)));
    this.links.replaceChildren(...state.exports.map((entry) => exportLink(entry)));
    this.take.hidden = state.exports.length === 0;
  }

  /**
   * @param {ObjectRow} object
   * @param {boolean} current
   */
  row(object, current) {
    const row = document.createElement("li");
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(current));
    row.dataset.id = String(object.id);
    row.style.setProperty("--own", object.colour);
    const eye = button("swatch", object.visible ? "Hide" : "Show", () =>
      this.tell("visible", { id: object.id, visible: !object.visible }));
    eye.setAttribute("aria-pressed", String(object.visible));
    eye.setAttribute("aria-label", `${object.visible ? "Hide" : "Show"} ${object.name}`);
    const name = button("name", "Select (double click to rename)", () => this.busy("select", { id: object.id }));
    name.append(made("b", { textContent: object.name }), made("small", { textContent: object.note }));
    name.addEventListener("dblclick", () => this.rename(name, object));
    const edit = button("mini ico-pencil", "Rename", () => this.rename(name, object));
    edit.setAttribute("aria-label", `Rename ${object.name}`);
    const remove = button("mini ico-x", "Delete", () => this.busy("delete", { id: object.id }));
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

/** @param {ExportOffer} entry */
function exportLink(entry) {
  const link = made("a", { className: "take-link", title: entry.missing || entry.summary });
  link.addEventListener("click", () => {
    const metres = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-metres]"))?.checked;
    if (link.hasAttribute("href")) link.href = `lab/export/${entry.kind}${metres ? "?metres=true" : ""}`;
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
