// The Compare cell: panes that turn together, one table, and where the methods disagree.

import { command } from "./cells.js";
import { button } from "./workspace.js";

const MOST = 4;
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
    this.find(".cmp-head").addEventListener("click", () => this.toggle());
    this.find("[data-add]").addEventListener("click", () => this.choose([...this.names(), this.nextMethod()]));
    this.find(".cmp-link input").addEventListener("change", (event) => command("link", { on: event.target.checked }));
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
    this.find(".cmp-link input").checked = message.linked;
    this.find("[data-reference]").value = message.reference;
    const missing = message.panes.filter((pane) => !pane.ready).map((pane) => pane.method);
    this.find(".cmp-note").textContent = message.note || (missing.length ? `Not prepared yet: ${missing.join(", ")}. Prepare in the cell Methods.` : message.object ? "" : "Click an object above; every method gets the same clicks.");
    this.find("tbody").replaceChildren(...message.panes.map((pane, index) => this.row(pane, index, message)));
    this.showSplit();
  }

  build(message) {
    this.shown = this.names().join();
    this.find(".cmp-panes").replaceChildren(...message.panes.map((pane, index) => view(pane.method, index)));
    this.find(".cmp-panes").style.setProperty("--panes", message.panes.length);
    this.find(".cmp-picks").replaceChildren(...message.panes.map((pane, index) => this.pick(pane.method, index)));
    this.find("[data-add]").disabled = message.panes.length >= MOST;
    this.find("[data-reference]").replaceChildren(
      new Option("none", ""), ...(message.truth ? [new Option("truth", "truth")] : []), ...message.panes.map((pane, index) => new Option(`${index + 1} · ${pane.method}`, index)));
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
    const cells = [
      pane.method,
      pane.ms === null ? "" : `${pane.ms < 10 ? pane.ms.toFixed(1) : Math.round(pane.ms)} ms`,
      pane.primitives === null ? "" : `${pane.primitives.toLocaleString("en")} ${pane.splats ? "splats" : "points"}`,
      pane.pixels?.toLocaleString("en") ?? "",
      String(index) === message.reference ? "reference" : share(pane.iou),
      String(index) === message.reference ? "" : share(pane.boundary),
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
    if (!shown) return;
    const at = `${encodeURIComponent(photo)}?w=640&scene=${state.scene_key}`;
    set(this.find(".cmp-photo"), `/lab/photo/${at}`);
    set(this.find(".cmp-heat"), `/lab/split/${at}&v=${last.version}-${this.shown}`);
    this.find("figcaption span").textContent = photo;
  }
}

function view(method, index) {
  const figure = document.createElement("figure");
  figure.className = "pane";
  figure.innerHTML = `<iframe tabindex="0"></iframe><figcaption><b></b></figcaption>`;
  figure.querySelector("b").textContent = method;
  figure.firstChild.title = `3D view of ${method}`;
  figure.firstChild.src = `/viser/${index}/`;
  return figure;
}

function share(value) {
  return value === null || value === undefined ? "" : value.toFixed(3);
}

function set(image, url) {
  if (image.getAttribute("src") !== url) image.src = url;
}
