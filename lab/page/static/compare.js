// @ts-check
// The Compare cell: panes that turn together, one table, and where the methods disagree.

import { command, showCode } from "./cells.js";
import { button, finder, load3D, made, startIn } from "./dom.js";
import { Swipe } from "./swipe.js";

/** @import {Compared, Comparing, PaneRow, Ready} from "./wire.js" */

const MOST = 4;
const SOFTWARE_PX = 500 * 210; // of a pane, where the processor draws it
const SIZES = [["", "As asked"], ["0", "Part"], ["0.25", "Smaller"], ["0.5", "Middle"], ["0.75", "Larger"], ["1", "Whole"]];
const VIEWS = { photo: "Answer", pca: "Features", likeness: "Like last click", clusters: "Clusters" };
/** @type {Compare | null} */
let cell = null;
/** @type {Ready | null} */
let state = null; // the workspace's: methods, photo, scene
/** @type {string | null} */
let photo = null;
/** @type {Comparing} */
let last = { type: "compare", panes: [], note: "" };

/** @param {HTMLElement} element */
export function mount(element) {
  startIn(element.querySelector("[data-compare]"), (root) => {
    cell = new Compare(root);
    cell.render(last);
  });
}

/**
 * A message of the live line.
 * @param {Comparing} message
 */
export function render(message) {
  last = message;
  cell?.render(message);
}

/**
 * The workspace shows another state or photo.
 * @param {Ready} workspaceState
 * @param {string} name
 */
export function follow(workspaceState, name) {
  state = workspaceState;
  photo = name;
  cell?.showSplit();
}

class Compare {
  /** @type {string | undefined} */
  shown = undefined; // methods of the panes

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.find = finder(root);
    this.swipe = new Swipe(this.find(".cmp-split"));
    this.find(".cmp-head").addEventListener("click", () => this.toggle());
    this.find("[data-add]").addEventListener("click", () => this.choose([...this.names(), this.nextMethod()]));
    this.link = this.find("[data-link]", HTMLInputElement);
    this.link.addEventListener("change", () => command("link", { on: this.link.checked }));
    this.agreement = this.find("[data-agreement]", HTMLInputElement);
    this.agreement.addEventListener("change", () => command("agreement", { on: this.agreement.checked }));
    this.reference = this.find("[data-reference]", HTMLSelectElement);
    this.reference.addEventListener("change", () =>
      command("reference", { pane: /** @type {Compared["reference"]} */ (this.reference.value) }));
  }

  names() {
    return last.panes.map((pane) => pane.method);
  }

  /**
   * A prepared method that is not shown yet, else any.
   * @param {string[]} [shown]
   */
  nextMethod(shown = this.names()) {
    const offers = state?.methods ?? [];
    const free = offers.filter((offer) => !shown.includes(offer.name));
    return (free.find((offer) => offer.title === offer.name) ?? free[0] ?? offers[0])?.name;
  }

  toggle() {
    if (last.panes.length) this.choose([]);
    else if (state) this.choose([state.method, this.nextMethod([state.method])]);
  }

  /** @param {(string | undefined)[]} names */
  choose(names) {
    command("compare", { names: names.filter(Boolean).join() });
  }

  /** @param {Comparing} message */
  render(message) {
    const compared = "version" in message ? message : null;
    const open = message.panes.length > 0;
    this.find(".cmp-head").setAttribute("aria-expanded", String(open));
    this.find(".cmp-body").hidden = !open;
    this.root.dataset.open = String(open);
    this.root.dataset.version = String(compared?.version ?? 0);
    if (this.shown !== this.names().join()) this.build(message.panes, compared);
    if (compared && open) this.fill(compared);
  }

  /** @param {Compared} message */
  fill(message) {
    showCode("compare", message.code);
    this.link.checked = message.linked;
    this.agreement.checked = message.agreement;
    this.reference.value = message.reference;
    this.find(".cmp-note").textContent = note(message);
    this.find("tbody").replaceChildren(...message.panes.map((pane, index) => this.row(pane, index, message)));
    this.find(".cmp-report").hidden = !message.panes.some((pane) => pane.ms !== null);
    message.panes.forEach((pane, index) => controls(this.find(".cmp-panes").children[index], pane, message.agreement));
    this.find(".cmp-legend").hidden = !(message.agreement && message.split);
    this.find(".cmp-legend").replaceChildren(...message.legend.map(([colour, meaning]) => legend(colour, meaning)));
    this.showSplit();
  }

  /**
   * @param {PaneRow[]} rows
   * @param {Compared | null} compared
   */
  build(rows, compared) {
    this.shown = this.names().join();
    this.find(".cmp-panes").style.setProperty("--panes", String(rows.length));
    const panes = rows.map((pane, index) => view(pane.method, index));
    this.find(".cmp-panes").replaceChildren(...panes);
    panes.forEach((pane, index) => load3D(finder(pane)("iframe", HTMLIFrameElement), address(pane, index, compared?.software ?? false)));
    this.find(".cmp-picks").replaceChildren(...rows.map((pane, index) => this.pick(pane.method, index)));
    this.find("[data-add]", HTMLButtonElement).disabled = rows.length >= MOST;
    const named = rows.map((pane, index) => new Option(`${index + 1} · ${pane.method}`, String(index)));
    this.reference.replaceChildren(
      new Option("none", ""), ...(compared?.truth ? [new Option("truth", "truth")] : []), ...named, new Option("painted by hand", "painted"));
  }

  /**
   * @param {string} method
   * @param {number} index
   */
  pick(method, index) {
    const place = document.createElement("span");
    const select = document.createElement("select");
    select.setAttribute("aria-label", `Method of pane ${index + 1}`);
    select.append(...(state?.methods ?? []).map((offer) => new Option(offer.title, offer.name)));
    select.value = method;
    select.addEventListener("change", () => this.choose(this.names().with(index, select.value)));
    const less = button("mini ico-x", "Close this pane", () => this.choose(this.names().toSpliced(index, 1)));
    less.setAttribute("aria-label", `Close pane ${index + 1}`);
    place.append(select, less);
    return place;
  }

  /**
   * @param {PaneRow} pane
   * @param {number} index
   * @param {Compared} message
   */
  row(pane, index, message) {
    const row = document.createElement("tr");
    const own = String(index) === message.reference;
    const cells = [
      pane.method,
      own ? "reference" : share(pane.iou),
      own ? "" : share(pane.boundary),
      pane.ms === null ? "" : `${pane.ms < 10 ? pane.ms.toFixed(1) : Math.round(pane.ms)} ms`,
      pane.primitives === null ? "" : `${pane.primitives.toLocaleString("en")} ${pane.splats ? "splats" : "points"}`,
      pane.pixels?.toLocaleString("en") ?? "",
    ];
    row.append(...cells.map((text) => made("td", { textContent: text })));
    const last = document.createElement("td");
    if (pane.ms !== null) {
      const take = button("tool wide", "Go on with this method and its answer", () => command("take", { pane: index }));
      take.textContent = "Make this the result";
      last.append(take);
    }
    row.append(last);
    return row;
  }

  showSplit() {
    const compared = "version" in last && last.split ? last : null;
    const key = state?.scene_key;
    this.find(".cmp-split").hidden = !(compared && key && photo);
    if (compared && key && photo) this.swipe.show(photo, key, compared, `${compared.version}-${this.shown}`);
  }
}

/**
 * What is said above the panes.
 * @param {Compared} message
 */
function note(message) {
  const missing = message.panes.filter((pane) => !pane.ready).map((pane) => pane.method);
  if (message.note) return message.note;
  if (missing.length) return `Not prepared yet: ${missing.join(", ")}. Prepare in the cell Methods.`;
  if (!message.object) return "Click an object above; every method gets the same clicks.";
  return message.painted;
}

/**
 * @param {string} method
 * @param {number} index
 */
function view(method, index) {
  const figure = made("figure", { className: "pane" });
  const find = finder(figure);
  figure.innerHTML = `<iframe tabindex="0"></iframe><figcaption><b></b><select data-size></select><select data-view></select></figcaption>`;
  find("b").textContent = method;
  find("iframe").title = `3D view of ${method}`;
  const [size, look] = figure.querySelectorAll("select");
  size.setAttribute("aria-label", `Granularity of pane ${index + 1}`);
  size.title = "From part to whole, in this pane only";
  size.append(...SIZES.map(([value, name]) => new Option(name, value)));
  size.addEventListener("change", () => command("pane_granularity", { pane: index, value: size.value === "" ? null : Number(size.value) }));
  look.setAttribute("aria-label", `View of pane ${index + 1}`);
  look.title = "What this pane shows: the answer, or what the method has learnt";
  look.addEventListener("change", () =>
    command("pane_view", { pane: index, view: /** @type {PaneRow["view"]} */ (look.value) }));
  return figure;
}

/**
 * Where the 3D view of a pane is; without a graphics card it draws fewer pixels.
 * @param {HTMLElement} figure
 * @param {number} index
 * @param {boolean} software
 */
function address(figure, index, software) {
  const { width, height } = figure.getBoundingClientRect();
  const ratio = Math.sqrt(SOFTWARE_PX / Math.max(width * height, 1));
  return software && ratio < 1 ? `viser/${index}/?fixedDpr=${ratio.toFixed(2)}` : `viser/${index}/`;
}

/**
 * Bring a pane's own controls up to its state.
 * @param {Element} figure
 * @param {PaneRow} pane
 * @param {boolean} agreement  shown in place of each pane's own view
 */
function controls(figure, pane, agreement) {
  const [size, look] = figure.querySelectorAll("select");
  size.value = pane.granularity === null ? "" : String(pane.granularity);
  if (look.options.length !== pane.views.length) look.replaceChildren(...pane.views.map((name) => new Option(VIEWS[name], name)));
  look.value = pane.view;
  look.hidden = pane.views.length < 2;
  look.disabled = agreement;
}

/**
 * @param {string} colour
 * @param {string} meaning
 */
function legend(colour, meaning) {
  const entry = document.createElement("li");
  entry.style.setProperty("--own", colour);
  entry.append(document.createElement("i"), made("span", { textContent: meaning }));
  return entry;
}

/** @param {number | null} value */
function share(value) {
  return value === null ? "" : value.toFixed(3);
}
