// @ts-check
// The cell Methods: one row per method with its state and, folded away, its settings.

import { command, curveOf, onCells, seconds } from "./cells.js";
import { finder, made, startIn } from "./dom.js";

/** @import {MethodRow, Setting} from "./wire.js" */

/** @param {HTMLElement} element */
export function mount(element) {
  startIn(element.querySelector("[data-methods]"), (root) => new Methods(root));
}

class Methods {
  /** @type {Set<string> | null} */
  ticked = null; // until the person ticks, the method that answers
  /** @type {Map<string, HTMLElement>} */
  rows = new Map();
  /** @type {Map<string, {[name: string]: string}>} */
  changed = new Map(); // by method: its settings that are not the standard
  shown = "";
  go = made("button", { type: "button", className: "primary-button", textContent: "Prepare" });

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.go.addEventListener("click", () => command("prepare", { names: [...(this.ticked ?? [])].join() }));
    onCells((cells) => {
      const cell = cells.find((entry) => entry.id === "methods");
      if (cell?.detail) this.render(cell.detail, Boolean(cell.job));
    });
  }

  /**
   * @param {MethodRow[]} rows
   * @param {boolean} busy
   */
  render(rows, busy) {
    if (this.shown !== rows.map((row) => row.name).join()) this.build(rows);
    this.ticked ??= new Set(rows.filter((row) => row.answers).map((row) => row.name));
    for (const row of rows) this.fill(row);
    this.go.disabled = this.ticked.size === 0 || busy;
    this.go.title = rows.filter((row) => this.ticked?.has(row.name) && !row.ready).map((row) => `${row.name}: ${about(row) || "nobody knows how long"}`).join("\n");
  }

  /** @param {MethodRow[]} rows */
  build(rows) {
    this.shown = rows.map((row) => row.name).join();
    this.rows.clear();
    this.root.replaceChildren(...rows.map((row) => this.row(row)), this.go);
  }

  /** @param {MethodRow} row */
  row(row) {
    const node = document.createElement("div");
    node.className = "m-row";
    node.innerHTML = `<label><input type="checkbox"><b></b></label><span class="m-what"></span>
      <span class="m-state"></span><details><summary>Settings</summary><div class="m-settings"></div>
      <p class="m-about"></p></details><figure class="curve" hidden></figure>`;
    const find = finder(node);
    find("b").textContent = row.name;
    find(".m-what").textContent = row.summary;
    find(".m-about").textContent = `${row.paper}. ${row.licence}.`;
    const tick = find("input", HTMLInputElement);
    tick.addEventListener("change", () => {
      this.ticked ??= new Set();
      if (tick.checked) this.ticked.add(row.name);
      else this.ticked.delete(row.name);
      this.go.disabled = this.ticked.size === 0;
    });
    const details = find("details", HTMLDetailsElement);
    details.addEventListener("toggle", () => details.open && this.settings(row.name, node));
    this.rows.set(row.name, node);
    return node;
  }

  /** @param {MethodRow} row */
  fill(row) {
    const node = this.rows.get(row.name);
    if (!node) return;
    const find = finder(node);
    find("input", HTMLInputElement).checked = Boolean(this.ticked?.has(row.name));
    const parts = row.ready ? [`ready in ${seconds(row.seconds ?? 0)}`, size(row.bytes ?? 0)] : [row.splats && !row.trained ? "not prepared, trains splats first" : "not prepared", about(row)].filter(Boolean);
    if (row.answers && row.ready) parts.unshift("answers");
    const state = find(".m-state");
    state.textContent = parts.join(" · ");
    state.classList.toggle("done", row.ready);
    const changed = Object.keys(row.settings).length;
    find("details > summary").textContent = changed ? `Settings (${changed} changed)` : "Settings";
    this.changed.set(row.name, row.settings);
    for (const input of inputs(node)) mark(input, row.settings);
    const figure = find("figure.curve");
    figure.hidden = !row.curve;
    if (row.curve) figure.innerHTML = curveOf(row.curve);
  }

  /**
   * @param {string} method
   * @param {HTMLElement} node  its row
   */
  async settings(method, node) {
    const place = finder(node)(".m-settings");
    if (place.childElementCount) return;
    const answer = await fetch(`lab/settings/${encodeURIComponent(method)}`);
    if (!answer.ok) return;
    /** @type {Setting[]} */
    const settings = await answer.json();
    place.replaceChildren(...settings.filter((setting) => !setting.name.includes(".")).map((setting) => field(method, setting)));
    const groups = Map.groupBy(settings.filter((setting) => setting.name.includes(".")), (setting) => setting.name.split(".")[0]);
    for (const [name, members] of groups) place.append(group(method, name, members));
    for (const input of inputs(place)) mark(input, this.changed.get(method) ?? {});
  }
}

/** @typedef {HTMLInputElement | HTMLSelectElement} Input */

/**
 * All inputs of settings within a part of the page.
 * @param {HTMLElement} part
 * @returns {NodeListOf<Input>}
 */
function inputs(part) {
  return part.querySelectorAll("[data-setting]");
}

/**
 * Settings of one part of the method, folded away.
 * @param {string} method
 * @param {string} name
 * @param {Setting[]} settings
 */
function group(method, name, settings) {
  const details = document.createElement("details");
  const place = document.createElement("div");
  place.className = "m-settings";
  place.append(...settings.map((setting) => field(method, setting)));
  details.append(made("summary", { textContent: `${name.replaceAll("_", " ")} (${settings.length})` }), place);
  return details;
}

/**
 * @param {string} method
 * @param {Setting} setting
 */
function field(method, setting) {
  const label = made("label", { title: setting.help });
  const name = setting.name.split(".").slice(setting.name.includes(".") ? 1 : 0).join(" · ").replaceAll("_", " ");
  const input = inputFor(setting);
  input.dataset.setting = setting.name;
  input.dataset.standard = setting.kind === "text" ? String(setting.default ?? "") : JSON.stringify(setting.default);
  input.addEventListener("change", () => {
    const value = input.value.trim() === input.dataset.standard ? "" : input.value.trim();
    command("setting", { method, name: setting.name, value });
  });
  label.append(made("span", { textContent: name }), input, made("small", { textContent: setting.help }));
  return label;
}

/**
 * @param {Setting} setting
 * @returns {Input}
 */
function inputFor(setting) {
  if (setting.kind !== "choice" && setting.kind !== "truth")
    return made("input", { type: "text", inputMode: setting.kind === "text" ? "text" : "decimal" });
  const select = document.createElement("select");
  const options = setting.kind === "truth" ? [true, false] : setting.options;
  select.append(...options.map((value) => new Option(value === true ? "yes" : value === false ? "no" : String(value), JSON.stringify(value))));
  return select;
}

/**
 * Show a setting's value, the standard one unless it was changed.
 * @param {Input} input
 * @param {{[name: string]: string}} own  what was changed
 */
function mark(input, own) {
  if (document.activeElement === input) return;
  const { setting = "", standard = "" } = input.dataset;
  const changed = Object.hasOwn(own, setting);
  input.value = changed ? own[setting] : standard;
  input.classList.toggle("changed", changed);
}

/**
 * How long a method's preparation will take; empty where nobody knows.
 * @param {MethodRow} row
 */
function about(row) {
  return row.expected_secs === null ? "" : `about ${seconds(row.expected_secs).replace(".0 ", " ")}`;
}

/** @param {number} bytes */
function size(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB` : `${Math.max(Math.round(bytes / 1000), 1)} kB`;
}
