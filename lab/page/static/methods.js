// The cell Methods: one row per method with its state and, folded away, its settings.

import { command, curveOf, onCells, seconds } from "./cells.js";

export function mount(element) {
  const root = element.querySelector("[data-methods]");
  if (root && !root.liftlab) root.liftlab = new Methods(root);
}

class Methods {
  constructor(root) {
    this.root = root;
    this.ticked = null; // until the person ticks, the method that answers
    this.rows = new Map();
    onCells((cells) => {
      const cell = cells.find((entry) => entry.id === "methods");
      if (cell?.detail) this.render(cell);
    });
  }

  render(cell) {
    const names = cell.detail.map((row) => row.name);
    if (this.shown !== names.join()) this.build(cell.detail);
    this.ticked ??= new Set(cell.detail.filter((row) => row.answers).map((row) => row.name));
    for (const row of cell.detail) this.fill(this.rows.get(row.name), row);
    this.go.disabled = this.ticked.size === 0 || Boolean(cell.job);
  }

  build(rows) {
    this.shown = rows.map((row) => row.name).join();
    this.rows.clear();
    this.go = document.createElement("button");
    this.go.type = "button";
    this.go.className = "primary-button";
    this.go.textContent = "Prepare";
    this.go.addEventListener("click", () => command("prepare", { names: [...this.ticked].join() }));
    this.root.replaceChildren(...rows.map((row) => this.row(row)), this.go);
  }

  row(row) {
    const node = document.createElement("div");
    node.className = "m-row";
    node.innerHTML = `<label><input type="checkbox"><b></b></label><span class="m-what"></span>
      <span class="m-state"></span><details><summary>Settings</summary><div class="m-settings"></div>
      <p class="m-about"></p></details><figure class="curve" hidden></figure>`;
    node.querySelector("b").textContent = row.name;
    node.querySelector(".m-what").textContent = row.summary;
    node.querySelector(".m-about").textContent = `${row.paper}. ${row.licence}.`;
    node.querySelector("input").addEventListener("change", (event) => {
      if (event.target.checked) this.ticked.add(row.name);
      else this.ticked.delete(row.name);
      this.go.disabled = this.ticked.size === 0;
    });
    const details = node.querySelector("details");
    details.addEventListener("toggle", () => details.open && this.settings(row.name, node));
    this.rows.set(row.name, node);
    return node;
  }

  fill(node, row) {
    node.querySelector("input").checked = this.ticked.has(row.name);
    const parts = row.ready ? [`ready in ${seconds(row.seconds)}`, size(row.bytes)] : [row.splats && !row.trained ? "not prepared, trains splats first" : "not prepared"];
    if (row.answers && row.ready) parts.unshift("answers");
    const state = node.querySelector(".m-state");
    state.textContent = parts.join(" · ");
    state.classList.toggle("done", row.ready);
    const changed = Object.keys(row.settings).length;
    node.querySelector("details > summary").textContent = changed ? `Settings (${changed} changed)` : "Settings";
    node.own = row.settings;
    for (const field of node.querySelectorAll("[data-setting]")) mark(field, row.settings);
    const figure = node.querySelector(".curve");
    figure.hidden = !row.curve;
    if (row.curve) figure.innerHTML = curveOf(row.curve);
  }

  async settings(method, node) {
    const place = node.querySelector(".m-settings");
    if (place.childElementCount) return;
    const answer = await fetch(`/lab/settings/${encodeURIComponent(method)}`);
    if (!answer.ok) return;
    const settings = await answer.json();
    place.replaceChildren(...settings.filter((setting) => !setting.name.includes(".")).map((setting) => field(method, setting)));
    const groups = Map.groupBy(settings.filter((setting) => setting.name.includes(".")), (setting) => setting.name.split(".")[0]);
    for (const [name, members] of groups) place.append(group(method, name, members));
    for (const entry of place.querySelectorAll("[data-setting]")) mark(entry, node.own);
  }
}

/** Settings of one part of the method, folded away. */
function group(method, name, settings) {
  const details = document.createElement("details");
  const place = document.createElement("div");
  place.className = "m-settings";
  place.append(...settings.map((setting) => field(method, setting)));
  details.innerHTML = "<summary></summary>";
  details.firstChild.textContent = `${name.replaceAll("_", " ")} (${settings.length})`;
  details.append(place);
  return details;
}

function field(method, setting) {
  const label = document.createElement("label");
  label.title = setting.help;
  label.innerHTML = "<span></span>";
  label.firstChild.textContent = setting.name.split(".").slice(setting.name.includes(".") ? 1 : 0).join(" · ").replaceAll("_", " ");
  let input;
  if (setting.kind === "choice" || setting.kind === "truth") {
    input = document.createElement("select");
    const options = setting.kind === "truth" ? [true, false] : setting.options;
    input.append(...options.map((value) => new Option(value === true ? "yes" : value === false ? "no" : value, JSON.stringify(value))));
  } else {
    input = document.createElement("input");
    input.type = "text";
    input.inputMode = setting.kind === "text" ? "text" : "decimal";
  }
  input.dataset.setting = setting.name;
  input.dataset.standard = setting.kind === "text" ? String(setting.default ?? "") : JSON.stringify(setting.default);
  input.addEventListener("change", () => {
    const value = input.value.trim() === input.dataset.standard ? "" : input.value.trim();
    command("setting", { method, name: setting.name, value });
  });
  label.append(input);
  const help = document.createElement("small");
  help.textContent = setting.help;
  label.append(help);
  return label;
}

function mark(input, own) {
  if (document.activeElement === input) return;
  const changed = Object.hasOwn(own, input.dataset.setting);
  input.value = changed ? own[input.dataset.setting] : input.dataset.standard;
  input.classList.toggle("changed", changed);
}

function size(bytes) {
  return bytes >= 1e6 ? `${(bytes / 1e6).toPrecision(2)} MB` : `${Math.max(Math.round(bytes / 1000), 1)} kB`;
}
