// The Compare cell: panes that turn together, one table, and where the methods disagree.

import { command, showCode } from "./cells.js";
import { Swipe } from "./swipe.js";
import { button } from "./workspace.js";

const MOST = 4;
const SOFTWARE_PX = 500 * 210; // of a pane, where the processor draws it
const SIZES = [["", "As asked"], ["0", "Part"], ["0.25", "Smaller"], ["0.5", "Middle"], ["0.75", "Larger"], ["1", "Whole"]];
const VIEWS = { photo: "Answer", pca: "Features", likeness: "Like last click", clusters: "Clusters" };
let cell = null;
let state = null; // the workspace's: methods, photo, scene
let photo = null;
let last = { panes: [] };

export function mount(element) {
  const root = element.querySelector("[data-compare]");
  if (!root || root.liftlab) return;
  cell = root.liftlab = new Compare(root);
  cell.render(last);
}

/** A message of the live line. */
export function render(message) {
  last = message;
  cell?.render(message);
}

/** The workspace shows another state or photo. */
export function follow(workspaceState, name) {
  state = workspaceState;
  photo = name;
  cell?.showSplit();
}

class Compare {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.swipe = new Swipe(this.find(".cmp-split"));
    this.find(".cmp-head").addEventListener("click", () => this.toggle());
    this.find("[data-add]").addEventListener("click", () => this.choose([...this.names(), this.nextMethod()]));
    this.find("[data-link]").addEventListener("change", (event) => command("link", { on: event.target.checked }));
    this.find("[data-agreement]").addEventListener("change", (event) => command("agreement", { on: event.target.checked }));
    this.find("[data-reference]").addEventListener("change", (event) => command("reference", { pane: event.target.value }));
  }

  names() {
    return last.panes.map((pane) => pane.method);
  }

  /** A prepared method that is not shown yet, else any. */
  nextMethod(shown = this.names()) {
    const offers = state?.methods ?? [];
    const free = offers.filter((offer) => !shown.includes(offer.name));
    return (free.find((offer) => offer.title === offer.name) ?? free[0] ?? offers[0])?.name;
  }

  toggle() {
    if (last.panes.length) this.choose([]);
    else if (state) this.choose([state.method, this.nextMethod([state.method])]);
  }

  choose(names) {
    command("compare", { names: names.filter(Boolean).join() });
  }

  render(message) {
    const open = message.panes.length > 0;
    this.find(".cmp-head").setAttribute("aria-expanded", String(open));
    this.find(".cmp-body").hidden = !open;
    this.root.dataset.open = String(open);
    this.root.dataset.version = message.version ?? 0;
    if (this.shown !== this.names().join()) this.build(message);
    if (!open) return;
    showCode("compare", message.code);
    this.find("[data-link]").checked = message.linked;
    this.find("[data-agreement]").checked = message.agreement;
    this.find("[data-reference]").value = message.reference;
    this.find(".cmp-note").textContent = note(message);
    this.find("tbody").replaceChildren(...message.panes.map((pane, index) => this.row(pane, index, message)));
    this.find(".cmp-report").hidden = !message.panes.some((pane) => pane.ms !== null);
    message.panes.forEach((pane, index) => controls(this.find(".cmp-panes").children[index], pane, message));
    this.find(".cmp-legend").hidden = !(message.agreement && message.split);
    this.find(".cmp-legend").replaceChildren(...message.legend.map(([colour, meaning]) => legend(colour, meaning)));
    this.showSplit();
  }

  build(message) {
    this.shown = this.names().join();
    this.find(".cmp-panes").style.setProperty("--panes", message.panes.length);
    const panes = message.panes.map((pane, index) => view(pane.method, index));
    this.find(".cmp-panes").replaceChildren(...panes);
    panes.forEach((pane, index) => (pane.firstChild.src = address(pane, index, message.software)));
    this.find(".cmp-picks").replaceChildren(...message.panes.map((pane, index) => this.pick(pane.method, index)));
    this.find("[data-add]").disabled = message.panes.length >= MOST;
    const named = message.panes.map((pane, index) => new Option(`${index + 1} · ${pane.method}`, index));
    this.find("[data-reference]").replaceChildren(
      new Option("none", ""), ...(message.truth ? [new Option("truth", "truth")] : []), ...named, new Option("painted by hand", "painted"));
  }

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
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    const last = document.createElement("td");
    if (pane.ms !== null) last.append(button("tool wide", "Go on with this method and its answer", () => command("take", { pane: index })));
    if (last.firstChild) last.firstChild.textContent = "Make this the result";
    row.append(last);
    return row;
  }

  showSplit() {
    const shown = Boolean(last.split && state?.scene_key && photo);
    this.find(".cmp-split").hidden = !shown;
    if (shown) this.swipe.show(photo, state.scene_key, last, `${last.version}-${this.shown}`);
  }
}

/** What is said above the panes. */
function note(message) {
  const missing = message.panes.filter((pane) => !pane.ready).map((pane) => pane.method);
  if (message.note) return message.note;
  if (missing.length) return `Not prepared yet: ${missing.join(", ")}. Prepare in the cell Methods.`;
  if (!message.object) return "Click an object above; every method gets the same clicks.";
  return message.painted;
}

function view(method, index) {
  const figure = document.createElement("figure");
  figure.className = "pane";
  figure.innerHTML = `<iframe tabindex="0"></iframe><figcaption><b></b><select data-size></select><select data-view></select></figcaption>`;
  figure.querySelector("b").textContent = method;
  figure.firstChild.title = `3D view of ${method}`;
  const [size, look] = figure.querySelectorAll("select");
  size.setAttribute("aria-label", `Granularity of pane ${index + 1}`);
  size.title = "From part to whole, in this pane only";
  size.append(...SIZES.map(([value, name]) => new Option(name, value)));
  size.addEventListener("change", () => command("pane_granularity", { pane: index, value: size.value === "" ? null : Number(size.value) }));
  look.setAttribute("aria-label", `View of pane ${index + 1}`);
  look.title = "What this pane shows: the answer, or what the method has learnt";
  look.addEventListener("change", () => command("pane_view", { pane: index, view: look.value }));
  return figure;
}

/** Where the 3D view of a pane is; without a graphics card it draws fewer pixels. */
function address(figure, index, software) {
  const { width, height } = figure.getBoundingClientRect();
  const ratio = Math.sqrt(SOFTWARE_PX / Math.max(width * height, 1));
  return software && ratio < 1 ? `/viser/${index}/?fixedDpr=${ratio.toFixed(2)}` : `/viser/${index}/`;
}

/** Bring a pane's own controls up to its state. */
function controls(figure, pane, message) {
  const [size, look] = figure.querySelectorAll("select");
  size.value = pane.granularity === null ? "" : String(pane.granularity);
  if (look.options.length !== pane.views.length) look.replaceChildren(...pane.views.map((name) => new Option(VIEWS[name], name)));
  look.value = pane.view;
  look.hidden = pane.views.length < 2;
  look.disabled = message.agreement;
}

function legend(colour, meaning) {
  const entry = document.createElement("li");
  entry.innerHTML = "<i></i><span></span>";
  entry.style.setProperty("--own", colour);
  entry.lastChild.textContent = meaning;
  return entry;
}

function share(value) {
  return value === null || value === undefined ? "" : value.toFixed(3);
}
