// The Segment workspace: shows the session's state, sends what a person does. The state lives on the server.

import * as cells from "./cells.js";
import * as compare from "./compare.js";
import * as search from "./search.js";
import { Live } from "./live.js";
import { PhotoCanvas } from "./photo.js";
import { Ruler } from "./ruler.js";
import { Stage } from "./stage.js";

const THUMB_WIDTH = 192;
const LAYERS = { render: "Splats", depth: "Depth", normals: "Normals" };
const KEYS = {
  z: "undo", y: "redo", n: "new_object", g: "grow", h: "shrink",
  "+": "part-up", "=": "part-up", "-": "part-down", "[": "brush-down", "]": "brush-up",
};

export function mount(element) {
  const root = element.querySelector(".ws");
  if (root && !root.liftlab) root.liftlab = new Workspace(root);
}

class Workspace {
  constructor(root) {
    this.root = root;
    this.state = null;
    this.photo = null;
    this.find = (selector) => root.querySelector(selector);
    this.live = new Live({
      state: (message) => this.render(message),
      hover: (message) => this.hoverAnswer(message),
      cells: (message) => {
        cells.render(message);
        cells.showProgress(this.find(".ws-veil .progress"), message.cells.find((cell) => cell.job));
      },
      compare: (message) => compare.render(message),
      line: (up, sentence) => this.line(up, sentence),
    });
    cells.connect((command, fields) => this.live.send(command, fields));
    this.canvas = new PhotoCanvas(this.find(".photo-stage"), {
      click: (x, y, positive) => this.click(x, y, positive),
      box: (x0, y0, x1, y1) => this.busy("box", { photo: this.photo, x0, y0, x1, y1 }),
      stroke: (points, radius, positive) => this.busy("stroke", { photo: this.photo, points, radius, positive }),
      hover: (x, y) => this.hover(x, y),
      leave: () => (this.hoverNext = null),
    });
    this.ruler = new Ruler(root, this.live, (command, fields) => this.busy(command, fields));
    this.stage = new Stage(root, this.live, (command, fields) => this.busy(command, fields));
    this.listen();
    this.followColours();
  }

  // -- what a person does ------------------------------------------------------------------------------------------

  listen() {
    for (const button of this.root.querySelectorAll("[data-do]"))
      button.addEventListener("click", () => this.busy(button.dataset.do));
    for (const button of this.root.querySelectorAll("[data-mode]"))
      button.addEventListener("click", () => this.setMode(button.dataset.mode));
    const brush = this.find(".brush-size input");
    brush.addEventListener("input", () => (this.canvas.brush = Number(brush.value)));
    const slider = this.find(".part input");
    slider.addEventListener("input", () => this.setPart(Number(slider.value)));
    this.find(".method select").addEventListener("change", (event) =>
      this.busy("method", { name: event.target.value }));
    this.find("[data-cameras]").addEventListener("click", (event) => {
      const on = event.currentTarget.getAttribute("aria-pressed") !== "true";
      event.currentTarget.setAttribute("aria-pressed", String(on));
      this.live.send("cameras", { visible: on });
    });
    this.find("[data-look]").addEventListener("click", () => this.live.send("look", { photo: this.photo }));
    this.find("[data-layer]").addEventListener("change", () => this.renderPhoto());
    const wipe = this.find(".wipe input");
    wipe.addEventListener("input", () => this.canvas.wipe(Number(wipe.value) / 100));
    for (const button of this.root.querySelectorAll("[data-step]"))
      button.addEventListener("click", () => this.step(Number(button.dataset.step)));
    this.find(".photo-stage").addEventListener("keydown", (event) => this.arrows(event));
    this.find(".ws-strip").addEventListener("keydown", (event) => this.arrows(event));
    const frame = this.find("iframe");
    frame.addEventListener("load", () => frame.contentWindow.addEventListener("keydown", (e) => this.key(e)));
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
  }

  key(event) {
    if (!this.root.isConnected) {
      document.removeEventListener("keydown", this.onKey);
      this.live.close();
      return;
    }
    const typing = event.target.closest?.("input:not([type=range]), textarea, select, [contenteditable=true]");
    const action = KEYS[event.key.toLowerCase()];
    const chord = event.ctrlKey || event.metaKey || event.altKey;
    if (!action || typing || this.state?.phase !== "ready") return;
    if (chord && !(action === "undo" || action === "redo")) return;
    event.preventDefault();
    if (chord && action === "undo" && event.shiftKey) this.busy("redo");
    else if (action === "part-up" || action === "part-down") {
      const current = this.state.granularity ?? 0.5;
      this.setPart(Math.min(Math.max(current + (action === "part-up" ? 0.1 : -0.1), 0), 1));
    } else if (action === "brush-up" || action === "brush-down") {
      const brush = this.find(".brush-size input");
      this.canvas.brush = brush.value = Number(brush.value) + (action === "brush-up" ? 2 : -2);
    } else this.busy(action);
  }

  arrows(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.step(step);
  }

  step(by) {
    const names = this.state?.photos.map((photo) => photo.name) ?? [];
    if (!names.length) return;
    const index = (names.indexOf(this.photo) + by + names.length) % names.length;
    this.showPhoto(names[index]);
  }

  setMode(mode) {
    for (const button of this.root.querySelectorAll("[data-mode]"))
      button.setAttribute("aria-checked", String(button.dataset.mode === mode));
    this.find(".brush-size").hidden = mode !== "brush";
    this.canvas.setMode(mode);
    this.ruler.setMode(mode);
    this.live.send("mode", { positive: mode !== "remove" });
  }

  setPart(value) {
    this.find(".part input").value = value;
    if (this.state) this.state.granularity = value;
    clearTimeout(this.partTimer);
    this.partTimer = setTimeout(() => this.busy("granularity", { value }), 90);
  }

  click(x, y, positive) {
    this.hoverNext = null;
    this.canvas.setHover(null);
    if (this.ruler.on) return this.busy("measure", { photo: this.photo, x, y });
    this.canvas.setMarks([...(this.canvas.points ?? []), { x, y, positive }], this.canvas.boxes); // at once
    this.busy("click", { photo: this.photo, x, y, positive });
  }

  /** One preview in flight; of those wanted meanwhile only the latest is asked for. */
  hover(x, y) {
    this.hoverNext = { photo: this.photo, x, y };
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

  hoverAnswer(message) {
    this.hovering = false;
    if (message.photo === this.photo && !this.working) this.canvas.setHover(message.url);
    this.askHover();
  }

  busy(command, fields = {}) {
    this.working = true;
    clearTimeout(this.busyTimer);
    this.busyTimer = setTimeout(() => this.root.classList.add("busy"), 150);
    this.live.send(command, fields);
  }

  // -- what the session says ---------------------------------------------------------------------------------------

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

  render(state) {
    this.working = false;
    clearTimeout(this.busyTimer);
    this.root.classList.remove("busy");
    const sceneChanged = state.scene_key !== this.state?.scene_key;
    this.state = state;
    this.root.dataset.phase = state.phase;
    this.root.dataset.version = state.version;
    this.find(".ws-veil p").textContent = state.phase === "ready" ? "" : state.hint;
    const hint = this.find(".ws-hint");
    hint.textContent = state.hint;
    hint.classList.toggle("warn", state.warn);
    if (state.phase !== "ready") return;
    const frame = this.find("iframe");
    if (!frame.src) frame.src = frame.dataset.src;
    this.renderTools(state);
    this.stage.render(state);
    this.ruler.render(state);
    this.renderObjects(state);
    cells.showCode("segment", state.code);
    if (sceneChanged) this.renderStrip(state);
    this.renderPhoto();
    this.renderThumbs();
  }

  renderTools(state) {
    const enabled = { undo: state.can_undo, redo: state.can_redo, clear: state.clicked, grow: state.lit, shrink: state.lit };
    for (const [name, on] of Object.entries(enabled)) this.find(`[data-do=${name}]`).disabled = !on;
    const slider = this.find(".part input");
    if (document.activeElement !== slider) slider.value = state.granularity ?? 0.5;
    const select = this.find(".method select");
    const wanted = state.methods.map((m) => `${m.name}:${m.title}`).join();
    if (select.dataset.shown !== wanted) {
      select.dataset.shown = wanted;
      select.replaceChildren(...state.methods.map((m) => new Option(m.title, m.name)));
      select.title = state.methods.map((m) => `${m.title}: ${m.summary}`).join("\n");
    }
    select.value = state.method;
    this.find(".ws-time").textContent = state.ms === null ? "" : `${state.ms < 10 ? state.ms.toFixed(1) : Math.round(state.ms)} ms`;
  }

  renderObjects(state) {
    const list = this.find(".ws-objects ul");
    if (list.querySelector("input") && document.activeElement === list.querySelector("input")) return;
    list.replaceChildren(...state.objects.map((object) => this.objectRow(object, state)));
    this.find(".take-links").replaceChildren(...state.exports.map((entry) => exportLink(entry)));
    this.find(".take").hidden = state.exports.length === 0;
  }

  objectRow(object, state) {
    const row = document.createElement("li");
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(object.id === state.current));
    row.dataset.id = object.id;
    row.style.setProperty("--own", object.colour);
    const eye = button("swatch", object.visible ? "Hide" : "Show", () =>
      this.live.send("visible", { id: object.id, visible: !object.visible }));
    eye.setAttribute("aria-pressed", String(object.visible));
    eye.setAttribute("aria-label", `${object.visible ? "Hide" : "Show"} ${object.name}`);
    const name = button("name", "Select (double click to rename)", () => this.busy("select", { id: object.id }));
    name.innerHTML = "<b></b><small></small>";
    name.firstChild.textContent = object.name;
    name.lastChild.textContent = object.note;
    name.addEventListener("dblclick", () => this.rename(row, object));
    const edit = button("mini ico-pencil", "Rename", () => this.rename(row, object));
    edit.setAttribute("aria-label", `Rename ${object.name}`);
    const remove = button("mini ico-x", "Delete", () => this.busy("delete", { id: object.id }));
    remove.setAttribute("aria-label", `Delete ${object.name}`);
    row.append(eye, name, edit, remove);
    return row;
  }

  rename(row, object) {
    const field = document.createElement("input");
    field.value = object.name;
    field.maxLength = 60;
    field.setAttribute("aria-label", `New name of ${object.name}`);
    let done = false;
    const finish = (keep) => {
      if (done) return;
      done = true;
      const name = field.value.trim();
      field.remove();
      if (keep && name && name !== object.name) this.live.send("rename", { id: object.id, name });
      else this.renderObjects(this.state);
    };
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") finish(true);
      if (event.key === "Escape") finish(false);
    });
    field.addEventListener("blur", () => finish(true));
    row.querySelector(".name").replaceWith(field);
    field.focus();
    field.select();
  }

  renderStrip(state) {
    const strip = this.find(".ws-strip");
    strip.replaceChildren(...state.photos.map((photo) => {
      const thumb = button("thumb", photo.name, () => this.showPhoto(photo.name));
      thumb.setAttribute("role", "option");
      thumb.dataset.photo = photo.name;
      thumb.style.aspectRatio = `${photo.width} / ${photo.height}`;
      thumb.innerHTML = `<img class="t-photo" loading="lazy" alt=""><img class="t-mask" alt="" hidden><span></span>`;
      thumb.querySelector(".t-photo").src = this.url("photo", photo.name, THUMB_WIDTH);
      thumb.setAttribute("aria-label", `Photo ${photo.name}`);
      thumb.lastChild.textContent = photo.name.replace(/\.[^.]+$/, "");
      if (!photo.registered) {
        thumb.classList.add("missing");
        thumb.title = `${photo.name} could not be placed in the scene`;
      }
      return thumb;
    }));
    if (!state.photos.some((photo) => photo.name === this.photo)) this.photo = state.show ?? state.photos[0]?.name;
    this.live.send("show", { photo: this.photo });
  }

  renderThumbs() {
    for (const thumb of this.root.querySelectorAll(".thumb")) {
      const chosen = thumb.dataset.photo === this.photo;
      thumb.setAttribute("aria-selected", String(chosen));
      thumb.tabIndex = chosen ? 0 : -1;
      const seen = this.state.seen[thumb.dataset.photo];
      thumb.classList.toggle("unseen", this.state.lit && !seen);
      const mask = thumb.querySelector(".t-mask");
      mask.hidden = !seen;
      if (seen) {
        const url = `${this.url("overlay", thumb.dataset.photo, THUMB_WIDTH)}&v=${seen}`;
        if (mask.getAttribute("src") !== url) mask.src = url;
      }
    }
  }

  url(kind, photo, width) {
    return `/lab/${kind}/${encodeURIComponent(photo)}?w=${width}&scene=${this.state.scene_key}`;
  }

  showPhoto(name, tell = true) {
    this.photo = name;
    this.hoverNext = null;
    if (tell) this.live.send("show", { photo: name });
    this.renderPhoto();
    this.renderThumbs();
    this.root.querySelector(`.thumb[aria-selected=true]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  renderPhoto() {
    const photo = this.state.photos.find((entry) => entry.name === this.photo);
    if (!photo) return;
    const width = Math.min(photo.width, 1600);
    this.canvas.show({ ...photo, url: this.url("photo", photo.name, width) });
    const seen = this.state.seen[photo.name];
    if (this.state.overlay?.photo === photo.name) this.canvas.setOverlay(this.state.overlay.url);
    else this.canvas.setOverlay(seen ? `${this.url("overlay", photo.name, width)}&v=${seen}` : null);
    this.canvas.setMarks(this.state.marks[photo.name] ?? [], this.state.boxes[photo.name] ?? []);
    this.canvas.setRuler({ points: this.state.ruler.points[photo.name] ?? [], label: this.state.ruler.length });
    this.renderLayer(photo, width);
    const names = this.state.photos.map((entry) => entry.name);
    compare.follow(this.state, photo.name);
    search.follow(this.state);
    this.find(".photo-name").textContent = `${photo.name} · ${names.indexOf(photo.name) + 1} of ${names.length}`;
  }

  /** Another picture of the same view over the photo, with a slider between the two. */
  renderLayer(photo, width) {
    const select = this.find("[data-layer]");
    if (select.dataset.shown !== this.state.layers.join()) {
      const chosen = select.value;
      select.dataset.shown = this.state.layers.join();
      select.replaceChildren(new Option("Photo", ""), ...this.state.layers.map((name) => new Option(LAYERS[name], name)));
      select.value = this.state.layers.includes(chosen) ? chosen : "";
    }
    const layer = photo.registered ? select.value : "";
    this.find(".wipe").hidden = !layer;
    this.find(".wipe-name").textContent = LAYERS[layer] ?? "";
    this.canvas.setLayer(layer ? `${this.url(`layer/${layer}`, photo.name, width)}&splats=${this.state.splats_key}` : null);
  }

  // -- colours -----------------------------------------------------------------------------------------------------

  dark() {
    return document.body.classList.contains("dark");
  }

  followColours() {
    new MutationObserver(() => this.live.send("dark", { dark: this.dark() })).observe(document.body, {
      attributes: true, attributeFilter: ["class"],
    });
  }
}

/** Whether 3D is drawn by the processor: then less of it is asked for where several views are shown. */
function drawsInSoftware() {
  const context = document.createElement("canvas").getContext("webgl2");
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? context.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return !context || /swiftshader|llvmpipe|software/i.test(name);
}

export function button(className, title, act) {
  const node = document.createElement("button");
  node.type = "button";
  node.className = className;
  node.title = title;
  node.addEventListener("click", act);
  return node;
}

function exportLink(entry) {
  const link = document.createElement("a");
  link.addEventListener("click", () => {
    const metres = document.querySelector("[data-metres]")?.checked;
    if (link.hasAttribute("href")) link.href = `/lab/export/${entry.kind}${metres ? "?metres=true" : ""}`;
  });
  link.className = "take-link";
  link.title = entry.missing || entry.summary;
  link.setAttribute("aria-label", `${entry.title}, ${entry.format}`);
  if (entry.missing) {
    // without an address it goes nowhere; it can still be reached by keyboard, to be told why
    link.setAttribute("role", "link");
    link.setAttribute("aria-disabled", "true");
    link.setAttribute("aria-description", entry.missing);
    link.tabIndex = 0;
  } else {
    link.href = `/lab/export/${entry.kind}`;
    link.setAttribute("download", "");
  }
  link.innerHTML = "<b></b><small></small>";
  link.firstChild.textContent = entry.title;
  link.lastChild.textContent = entry.format;
  return link;
}
