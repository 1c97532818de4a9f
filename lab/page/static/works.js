// @ts-check
// Saved works of the open scene: which one is open, another one, a new one, a name.

import { finder, made } from "./dom.js";

/** @import {Ready, Send, WorkRow} from "./wire.js" */

export class Works {
  /** @type {WorkRow[]} */
  rows = [];
  open = ""; // scene and work

  /**
   * @param {HTMLElement} root
   * @param {Send} busy  sends something that changes the session
   */
  constructor(root, busy) {
    const find = finder(root);
    this.box = find(".works");
    this.select = find("[data-works]", HTMLSelectElement);
    this.busy = busy;
    this.select.addEventListener("change", () => busy("open_work", { id: this.select.value }));
    find("[data-work=new]").addEventListener("click", () => busy("new_work", { name: "" }));
    find("[data-work=rename]").addEventListener("click", () => this.rename());
    this.remove = find("[data-work=delete]", HTMLButtonElement);
    this.remove.addEventListener("click", () => {
      const work = this.current;
      const sentence = "Delete this work with its objects? This cannot be undone.";
      if (work && (!work.objects || confirm(sentence))) busy("delete_work", { id: work.id });
    });
  }

  get current() {
    return this.rows.find((row) => row.current);
  }

  /**
   * @param {Ready} state
   * @returns whether another work, or scene, is open than before
   */
  render(state) {
    this.rows = state.works;
    const before = this.open;
    this.open = JSON.stringify([state.scene, this.current?.id]);
    this.list();
    return this.open !== before;
  }

  list() {
    if (document.activeElement === this.box.querySelector("input")) return; // somebody is typing a name
    if (document.activeElement !== this.select)
      this.select.replaceChildren(...this.rows.map((row) => new Option(titleOf(row), row.id, false, row.current)));
    this.remove.disabled = !this.current?.objects && this.rows.length < 2;
  }

  /** Have a name typed in place of the list. */
  rename() {
    const work = this.current;
    if (!work) return;
    const field = made("input", { value: work.name, maxLength: 60, placeholder: "Name of this work" });
    field.setAttribute("aria-label", "Name of this work");
    let done = false;
    /** @param {boolean} keep */
    const finish = (keep) => {
      if (done) return;
      done = true;
      field.replaceWith(this.select);
      const name = field.value.trim();
      if (keep && name !== work.name) this.busy("rename_work", { id: work.id, name });
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") finish(true);
      if (event.key === "Escape") finish(false);
    });
    field.addEventListener("blur", () => finish(true));
    this.select.replaceWith(field);
    field.focus();
    field.select();
  }
}

/** @param {WorkRow} row */
function titleOf(row) {
  const name = row.name || row.objects || "Nothing selected yet";
  return `${name} · ${when(row.changed)}`;
}

/**
 * A moment for people: the time for today, else the day.
 * @param {number} seconds  since 1970 UTC
 */
export function when(seconds) {
  const moment = new Date(seconds * 1000);
  const today = moment.toDateString() === new Date().toDateString();
  return today
    ? moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : moment.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
}
