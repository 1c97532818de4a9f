// @ts-check
// The Segment workspace: shows the session's state, sends what a person does. The state lives on the server.

import * as cells from "./cells.js";
import * as compare from "./compare.js";
import * as scenes from "./scenes.js";
import * as search from "./search.js";
import { button, drawsInSoftware, finder, load3D, made, startIn } from "./dom.js";
import { clicksIn3D, PhotoCursor } from "./cursor.js";
import { actionOf, toggleSheet } from "./keys.js";
import { Live } from "./live.js";
import { Objects } from "./objects.js";
import { PhotoCanvas } from "./photo.js";
import { Ruler } from "./ruler.js";
import { Stage } from "./stage.js";
import { Works } from "./works.js";

/** @import {BareName, CommandName, FieldsAfter, FieldsOf, Hover, Photo, Ready, Send, State} from "./wire.js" */

const THUMB_WIDTH = 192;
/** @type {{[layer: string]: string}} */
const LAYERS = { render: "Splats", depth: "Depth", normals: "Normals" };
/** @param {HTMLElement} element */
export function mount(element) {
  startIn(element.querySelector(".ws"), (root) => new Workspace(root));
}

class Workspace {
  /** @type {State | null} */
  state = null;
  /** @type {string | null} */
  photo = null; // name of the one on the screen
  /** @type {FieldsOf<"hover"> | null} */
  hoverNext = null;
  hovering = false;
  working = false;
  hoverTimer = 0;
  busyTimer = 0;
  partTimer = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.find = finder(root);
    this.slider = this.find(".part input", HTMLInputElement);
    this.brush = this.find(".brush-size input", HTMLInputElement);
    this.method = this.find(".method select", HTMLSelectElement);
    this.layer = this.find("[data-layer]", HTMLSelectElement);
    this.frame = this.find("iframe", HTMLIFrameElement);
    /** @type {NodeListOf<HTMLElement>} */
    this.modes = root.querySelectorAll("[data-mode]");
    this.live = new Live({
      state: (message) => this.render(message),
      hover: (message) => this.hoverAnswer(message),
      cells: (message) => {
        cells.render(message);
        cells.showProgress(this.find(".ws-veil .progress"), message.cells.find((cell) => cell.job));
      },
      compare: (message) => compare.render(message),
      scenes: (message) => scenes.render(message),
      line: (up, sentence) => this.line(up, sentence),
    });
    /** @type {Send} */
    const tell = (command, ...fields) => this.live.send(command, ...fields);
    /** @type {Send} */
    const busy = (command, ...fields) => this.busy(command, ...fields);
    cells.connect(tell);
    this.canvas = new PhotoCanvas(this.find(".photo-stage"), {
      click: (x, y, positive) => this.click(x, y, positive),
      box: (x0, y0, x1, y1) => this.inPhoto((photo) => this.busy("box", { photo, x0, y0, x1, y1 })),
      stroke: (points, radius, positive) =>
        this.inPhoto((photo) => this.busy("stroke", { photo, points, radius, positive })),
      hover: (x, y) => this.hover(x, y),
      leave: () => (this.hoverNext = null),
    });
    this.ruler = new Ruler(root, this.live, busy);
    this.stage = new Stage(root, busy);
    this.objects = new Objects(root, tell, busy);
    this.works = new Works(root, busy);
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.key(event);
    this.listen();
    this.followColours();
  }

  listen() {
    /** @type {(selector: string, act: (node: HTMLElement) => void) => void} */
    const clicks = (selector, act) => {
      for (const node of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(selector)))
        node.addEventListener("click", () => act(node));
    };
    clicks("[data-do]", (node) => this.busy(/** @type {BareName} */ (node.dataset.do)));
    clicks("[data-mode]", (node) => this.setMode(node.dataset.mode ?? ""));
    clicks("[data-step]", (node) => this.step(Number(node.dataset.step)));
    clicks("[data-look]", () => this.inPhoto((photo) => this.live.send("look", { photo })));
    clicks("[data-cameras]", (node) => {
      const on = node.getAttribute("aria-pressed") !== "true";
      node.setAttribute("aria-pressed", String(on));
      this.live.send("cameras", { visible: on });
    });
    this.brush.addEventListener("input", () => (this.canvas.brush = Number(this.brush.value)));
    this.slider.addEventListener("input", () => this.setPart(Number(this.slider.value)));
    this.method.addEventListener("change", () => this.busy("method", { name: this.method.value, all: false }));
    clicks("[data-all]", () => this.busy("method", { name: this.method.value, all: true }));
    this.layer.addEventListener("change", () => this.renderPhoto());
    const wipe = this.find(".wipe input", HTMLInputElement);
    wipe.addEventListener("input", () => this.canvas.wipe(Number(wipe.value) / 100));
    this.cursor = new PhotoCursor(this.find(".photo-stage"), this.canvas, (by) => this.step(by));
    this.find("[data-keys]").addEventListener("click", toggleSheet);
    this.find(".ws-strip").addEventListener("keydown", (event) => this.arrows(event));
    this.frame.addEventListener("load", () => clicksIn3D(this.frame, (event) => this.key(event)));
    document.addEventListener("keydown", this.onKey);
  }

  /** What is on the screen when the session is ready. */
  get ready() {
    return this.state?.phase === "ready" ? this.state : null;
  }

  /** @param {(photo: string) => void} act  done to the photo on the screen, when there is one */
  inPhoto(act) {
    if (this.photo !== null) act(this.photo);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.root.isConnected) {
      document.removeEventListener("keydown", this.onKey);
      this.live.close();
      return;
    }
    const action = this.ready ? actionOf(event) : null;
    if (!action) return;
    event.preventDefault();
    if (action === "sheet") toggleSheet();
    else if (action === "part-up" || action === "part-down") {
      const current = this.ready?.granularity ?? 0.5;
      this.setPart(Math.min(Math.max(current + (action === "part-up" ? 0.1 : -0.1), 0), 1));
    } else if (action === "brush-up" || action === "brush-down") {
      this.canvas.brush = Number(this.brush.value) + (action === "brush-up" ? 2 : -2);
      this.brush.value = String(this.canvas.brush);
    } else this.busy(action);
  }

  /** @param {KeyboardEvent} event */
  arrows(event) {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (!step) return;
    event.preventDefault();
    this.step(step);
  }

  /** @param {number} by */
  step(by) {
    const names = this.ready?.photos.map((photo) => photo.name) ?? [];
    if (!names.length) return;
    const index = (names.indexOf(this.photo ?? "") + by + names.length) % names.length;
    this.showPhoto(names[index]);
  }

  /** @param {string} mode */
  setMode(mode) {
    for (const node of this.modes) node.setAttribute("aria-checked", String(node.dataset.mode === mode));
    this.find(".brush-size").hidden = mode !== "brush";
    this.canvas.setMode(mode);
    this.ruler.setMode(mode);
    this.live.send("mode", { positive: mode !== "remove" });
  }

  /** @param {number} value */
  setPart(value) {
    this.slider.value = String(value);
    if (this.ready) this.ready.granularity = value;
    clearTimeout(this.partTimer);
    this.partTimer = setTimeout(() => this.busy("granularity", { value }), 90);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {boolean} positive
   */
  click(x, y, positive) {
    this.hoverNext = null;
    this.canvas.setHover(null);
    this.inPhoto((photo) => {
      if (this.ruler.on) return this.busy("measure", { photo, x, y });
      this.canvas.setMarks([...this.canvas.points, { x, y, positive }], this.canvas.boxes); // at once
      this.busy("click", { photo, x, y, positive });
    });
  }

  /**
   * One preview in flight; of those wanted meanwhile only the latest is asked for.
   * @param {number} x
   * @param {number} y
   */
  hover(x, y) {
    this.inPhoto((photo) => (this.hoverNext = { photo, x, y }));
    if (!this.hovering) this.askHover();
  }

  askHover() {
    if (!this.hoverNext || this.working) return;
    this.hovering = true;
    this.live.send("hover", this.hoverNext);
    this.hoverNext = null;
    clearTimeout(this.hoverTimer);
    this.hoverTimer = setTimeout(() => (this.hovering = false), 2000);
  }

  /** @param {Hover} message */
  hoverAnswer(message) {
    this.hovering = false;
    if (message.photo === this.photo && !this.working) this.canvas.setHover(message.url);
    this.askHover();
  }

  /**
   * Ask for something that changes the session, and look busy when its answer takes a while.
   * @template {CommandName} N
   * @param {N} command
   * @param {FieldsAfter<N>} fields
   */
  busy(command, ...fields) {
    this.working = true;
    clearTimeout(this.busyTimer);
    this.busyTimer = setTimeout(() => this.root.classList.add("busy"), 150);
    this.live.send(command, ...fields);
  }

  // -- what the session says ---------------------------------------------------------------------------------------

  /**
   * @param {boolean} up
   * @param {string} sentence
   */
  line(up, sentence) {
    this.root.classList.toggle("offline", !up);
    if (!up) this.find(".ws-hint").textContent = sentence;
    else {
      this.live.send("dark", { dark: this.dark() });
      this.live.send("graphics", { software: drawsInSoftware() });
      if (this.ruler.on) this.live.send("measuring", { on: true });
      this.live.send("show", { photo: this.photo });
    }
  }

  /** @param {State} state */
  render(state) {
    this.working = false;
    clearTimeout(this.busyTimer);
    this.root.classList.remove("busy");
    const sceneChanged = state.scene_key !== this.state?.scene_key;
    this.state = state;
    this.root.dataset.phase = state.phase;
    this.root.dataset.version = String(state.version);
    this.find(".ws-veil p").textContent = state.phase === "ready" ? "" : state.hint;
    const hint = this.find(".ws-hint");
    hint.textContent = state.hint;
    hint.classList.toggle("warn", state.warn);
    if (state.phase !== "ready") return;
    if (!this.frame.src) load3D(this.frame, this.frame.dataset.src ?? "");
    this.renderTools(state);
    this.stage.render(state);
    this.ruler.render(state);
    this.objects.render(state);
    if (this.works.render(state)) this.photo = state.show; // what was on the screen there, whatever is on it here
    cells.showCode("segment", state.code);
    if (sceneChanged) this.renderStrip(state);
    this.renderPhoto();
    this.renderThumbs();
  }

  /** @param {Ready} state */
  renderTools(state) {
    const enabled = { undo: state.can_undo, redo: state.can_redo, clear: state.clicked, grow: state.lit, shrink: state.lit };
    for (const [name, on] of Object.entries(enabled)) this.find(`[data-do=${name}]`, HTMLButtonElement).disabled = !on;
    if (document.activeElement !== this.slider) this.slider.value = String(state.granularity ?? 0.5);
    const select = this.method;
    const wanted = state.methods.map((m) => `${m.name}:${m.title}`).join();
    if (select.dataset.shown !== wanted) {
      select.dataset.shown = wanted;
      select.replaceChildren(...state.methods.map((m) => new Option(m.title, m.name)));
      select.title = state.methods.map((m) => `${m.title}: ${m.summary}`).join("\n");
    }
    select.value = state.method;
    this.find("[data-all]").style.visibility = state.objects.every((object) => object.method === state.method) ? "hidden" : ""; // its place stays
    this.find(".ws-time").textContent = state.ms === null ? "" : `${state.ms < 10 ? state.ms.toFixed(1) : Math.round(state.ms)} ms`;
  }

  /** @param {Ready} state */
  renderStrip(state) {
    const strip = this.find(".ws-strip");
    strip.replaceChildren(...state.photos.map((photo) => {
      const thumb = button("thumb", photo.name, () => this.showPhoto(photo.name));
      thumb.setAttribute("role", "option");
      thumb.dataset.photo = photo.name;
      thumb.style.aspectRatio = `${photo.width} / ${photo.height}`;
      const image = made("img", { className: "t-photo", loading: "lazy", alt: "", src: this.url("photo", photo.name, THUMB_WIDTH) });
      const mask = made("img", { className: "t-mask", alt: "", hidden: true });
      thumb.append(image, mask, made("span", { textContent: photo.name.replace(/\.[^.]+$/, "") }));
      thumb.setAttribute("aria-label", `Photo ${photo.name}`);
      const doubt = photo.doubtful ? "was taken from a place that the other photos do not confirm" : "";
      const fault = photo.registered ? doubt : "could not be placed in the scene";
      thumb.classList.toggle("missing", fault !== "");
      if (fault) thumb.title = `${photo.name} ${fault}`;
      return thumb;
    }));
    if (!state.photos.some((photo) => photo.name === this.photo)) this.photo = state.show ?? state.photos[0]?.name ?? null;
    this.live.send("show", { photo: this.photo });
  }

  renderThumbs() {
    const state = this.ready;
    if (!state) return;
    for (const thumb of /** @type {NodeListOf<HTMLElement>} */ (this.root.querySelectorAll(".thumb"))) {
      const name = thumb.dataset.photo ?? "";
      const chosen = name === this.photo;
      thumb.setAttribute("aria-selected", String(chosen));
      thumb.tabIndex = chosen ? 0 : -1;
      const seen = state.seen[name];
      thumb.classList.toggle("unseen", state.lit && seen === undefined); // 0 is the version of work that was restored
      const mask = finder(thumb)(".t-mask", HTMLImageElement);
      mask.hidden = seen === undefined;
      if (seen !== undefined) {
        const url = `${this.url("overlay", name, THUMB_WIDTH)}&v=${seen}`;
        if (mask.getAttribute("src") !== url) mask.src = url;
      }
    }
  }

  /**
   * Address of a picture.
   * @param {string} kind
   * @param {string} photo
   * @param {number} width
   */
  url(kind, photo, width) {
    return `lab/${kind}/${encodeURIComponent(photo)}?w=${width}&scene=${this.state?.scene_key}`;
  }

  /** @param {string} name */
  showPhoto(name) {
    this.photo = name;
    this.hoverNext = null;
    this.live.send("show", { photo: name });
    this.renderPhoto();
    this.renderThumbs();
    this.root.querySelector(`.thumb[aria-selected=true]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  renderPhoto() {
    const state = this.ready;
    const photo = state?.photos.find((entry) => entry.name === this.photo);
    if (!state || !photo) return;
    const width = Math.min(photo.width, 1600);
    this.canvas.show({ ...photo, url: this.url("photo", photo.name, width) });
    const seen = state.seen[photo.name];
    if (state.overlay?.photo === photo.name) this.canvas.setOverlay(state.overlay.url);
    else this.canvas.setOverlay(seen !== undefined ? `${this.url("overlay", photo.name, width)}&v=${seen}` : null);
    this.canvas.setMarks(state.marks[photo.name] ?? [], state.boxes[photo.name] ?? []);
    this.canvas.setRuler({ points: state.ruler.points[photo.name] ?? [], label: state.ruler.length });
    this.renderLayer(state, photo, width);
    const names = state.photos.map((entry) => entry.name);
    compare.follow(state, photo.name);
    search.follow(state);
    this.find(".photo-name").textContent = `${photo.name} · ${names.indexOf(photo.name) + 1} of ${names.length}`;
  }

  /**
   * Another picture of the same view over the photo, with a slider between the two.
   * @param {Ready} state
   * @param {Photo} photo
   * @param {number} width
   */
  renderLayer(state, photo, width) {
    const select = this.layer;
    if (select.dataset.shown !== state.layers.join()) {
      const chosen = select.value;
      select.dataset.shown = state.layers.join();
      select.replaceChildren(new Option("Photo", ""), ...state.layers.map((name) => new Option(LAYERS[name], name)));
      select.value = state.layers.some((name) => name === chosen) ? chosen : "";
    }
    const layer = photo.registered ? select.value : "";
    this.find(".wipe").hidden = !layer;
    this.find(".wipe-name").textContent = LAYERS[layer] ?? "";
    this.canvas.setLayer(layer ? `${this.url(`layer/${layer}`, photo.name, width)}&splats=${state.splats_key}` : null);
  }

  dark() {
    return document.body.classList.contains("dark");
  }

  followColours() {
    new MutationObserver(() => this.live.send("dark", { dark: this.dark() })).observe(document.body, {
      attributes: true, attributeFilter: ["class"],
    });
  }
}
