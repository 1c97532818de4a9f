// @ts-check
// The photo one clicks in. All coordinates that leave this file are photo pixels: the drawing is an SVG whose
// viewBox is the photo, so screen size, zoom and device pixel ratio cannot shift a click.

import { finder } from "./dom.js";
import { drawRuler } from "./ruler.js";

/** @import {Mark, Photo} from "./wire.js" */
/** @import {Measure} from "./ruler.js" */
/** @typedef {{x: number, y: number}} Point  photo pixels */
/** @typedef {[number, number, number, number]} Corners  x0, y0, x1, y1 in photo pixels */
/** @typedef {Photo & {url: string}} Shown */
/**
 * @typedef {object} Drag
 * @property {Point} start
 * @property {Point | null} end
 * @property {number} clientX
 * @property {number} clientY
 * @property {number} button
 * @property {boolean} far  it is a drag, no click
 * @property {Point[] | null} line  of the brush
 */
/**
 * @typedef {object} Acts
 * @property {(x: number, y: number, positive: boolean) => void} click
 * @property {(x0: number, y0: number, x1: number, y1: number) => void} box
 * @property {(points: [number, number][], radius: number, positive: boolean) => void} stroke
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 */

const DRAG_PX = 5;
const HOVER_MS = 60;
const DOUBLE_MS = 400;
const MAX_ZOOM = 8;
const STROKE_POINTS = 200;
const SVG = "http://www.w3.org/2000/svg";

export class PhotoCanvas {
  mode = "add";
  brush = 12; // radius on the screen, so that zooming in paints finer
  zoom = { k: 1, x: 0, y: 0 };
  hovered = 0; // when a preview was asked for last
  share = 0.5; // of the width that shows the photo itself
  /** @type {Shown | null} */
  photo = null;
  /** @type {string | null} */
  wanted = null; // address of the overlay to be shown
  /** @type {Mark[]} */
  points = [];
  /** @type {Corners[]} */
  boxes = [];
  /** @type {Measure | null} */
  ruler = null;
  /** @type {Drag | null} */
  drag = null;
  clicked = { time: -Infinity, x: 0, y: 0, positive: true }; // on the screen, last

  /**
   * @param {HTMLElement} stage
   * @param {Acts} act
   */
  constructor(stage, act) {
    this.stage = stage;
    this.act = act;
    stage.innerHTML = `
      <div class="photo-layers">
        <img class="photo-image" alt="" draggable="false">
        <img class="photo-layer" alt="" draggable="false" hidden>
        <img class="photo-overlay" alt="" draggable="false" hidden>
        <img class="photo-hover" alt="" draggable="false" hidden>
        <svg class="photo-marks" aria-hidden="true"></svg>
      </div>`;
    const find = finder(stage);
    this.layers = find(".photo-layers");
    this.image = find(".photo-image", HTMLImageElement);
    this.layer = find(".photo-layer", HTMLImageElement);
    this.overlay = find(".photo-overlay", HTMLImageElement);
    this.preview = find(".photo-hover", HTMLImageElement);
    this.marks = find(".photo-marks", SVGSVGElement);
    this.listen();
    new ResizeObserver(() => this.fit()).observe(stage);
  }

  /**
   * Show a photo. Keeps the zoom only for the same photo.
   * @param {Shown} photo
   */
  show(photo) {
    if (this.photo?.url === photo.url) return;
    if (this.photo?.name !== photo.name) this.zoom = { k: 1, x: 0, y: 0 };
    this.photo = photo;
    this.image.src = photo.url;
    this.image.alt = `Photo ${photo.name}`;
    this.marks.setAttribute("viewBox", `0 0 ${photo.width} ${photo.height}`);
    this.overlay.hidden = true;
    this.preview.hidden = true;
    this.fit();
  }

  /** @param {string | null} url */
  setOverlay(url) {
    this.wanted = url; // also when it is none: a picture that is on its way must not come after all
    this.layers.ariaBusy = String(url !== null); // until what is drawn over the photo is what was answered
    if (!url) {
      this.overlay.hidden = true;
      return;
    }
    const ready = new Image();
    ready.onerror = () => {
      if (this.wanted === url) this.layers.ariaBusy = "false";
    };
    ready.onload = () => {
      if (this.wanted !== url) return; // a later state came first
      this.layers.ariaBusy = "false";
      this.overlay.src = url;
      this.overlay.hidden = false;
      this.preview.hidden = true;
    };
    ready.src = url;
  }

  /**
   * Another picture of the same view over the photo, cut off at the slider; null takes it away.
   * @param {string | null} url
   */
  setLayer(url) {
    this.layer.hidden = !url;
    if (url && this.layer.getAttribute("src") !== url) this.layer.src = url;
    if (url) this.wipe(this.share);
  }

  /** @param {number} share  of the width that shows the photo itself */
  wipe(share) {
    this.share = share;
    this.layer.style.clipPath = `inset(0 0 0 ${share * 100}%)`;
  }

  /** @param {string | null} url */
  setHover(url) {
    this.preview.hidden = !url;
    if (url) this.preview.src = url;
  }

  /**
   * @param {Mark[]} points
   * @param {Corners[]} boxes
   */
  setMarks(points, boxes) {
    this.points = points;
    this.boxes = boxes;
    this.drawMarks();
  }

  /** @param {Measure} ruler */
  setRuler(ruler) {
    this.ruler = ruler;
    this.drawMarks();
  }

  /** @param {string} mode */
  setMode(mode) {
    this.mode = mode;
    this.stage.dataset.mode = mode;
  }

  /** Photo pixels per pixel on the screen. */
  get unit() {
    return (this.photo?.width ?? 0) / Math.max(this.layers.getBoundingClientRect().width, 1);
  }

  fit() {
    if (!this.photo) return;
    const { clientWidth: w, clientHeight: h } = this.stage;
    const scale = Math.min(w / this.photo.width, h / this.photo.height);
    this.layers.style.width = `${this.photo.width * scale}px`;
    this.layers.style.height = `${this.photo.height * scale}px`;
    this.place();
  }

  place() {
    const { k, x, y } = this.zoom;
    this.layers.style.transform = `translate(${x}px, ${y}px) scale(${k})`;
    this.stage.classList.toggle("zoomed", k > 1);
    this.drawMarks();
  }

  /**
   * Photo pixel under a pointer event, or null outside the photo.
   * @param {MouseEvent} event
   * @returns {Point | null}
   */
  pixel(event) {
    if (!this.photo) return null;
    const { x, y } = this.placeOf(event, this.photo);
    return x >= 0 && y >= 0 && x < this.photo.width && y < this.photo.height ? { x, y } : null;
  }

  /**
   * The nearest place in the photo to a pointer event.
   * @param {MouseEvent} event
   * @returns {Point}
   */
  nearest(event) {
    const { width, height } = this.photo ?? { width: 0, height: 0 };
    const { x, y } = this.placeOf(event, { width, height });
    return { x: Math.min(Math.max(x, 0), width), y: Math.min(Math.max(y, 0), height) };
  }

  /**
   * @param {MouseEvent} event
   * @param {{width: number, height: number}} photo
   * @returns {Point}
   */
  placeOf(event, { width, height }) {
    const rect = this.layers.getBoundingClientRect();
    return { x: ((event.clientX - rect.left) / rect.width) * width, y: ((event.clientY - rect.top) / rect.height) * height };
  }

  listen() {
    const stage = this.stage;
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    stage.addEventListener("pointerup", (event) => this.up(event));
    stage.addEventListener("pointercancel", () => this.endDrag());
    stage.addEventListener("pointerleave", () => {
      this.setHover(null);
      this.act.leave();
    });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => event.preventDefault());
  }

  /** @param {PointerEvent} event */
  down(event) {
    const start = this.pixel(event);
    if (!start || event.button === 1) return;
    this.stage.focus({ preventScroll: true });
    const { clientX, clientY, button } = event;
    this.drag = { start, end: null, clientX, clientY, button, far: false, line: this.mode === "brush" ? [start] : null };
    if (event.pointerType === "mouse" || this.draws) this.stage.setPointerCapture(event.pointerId);
    this.drawMarks();
  }

  /** Whether a finger that moves draws instead of scrolling. */
  get draws() {
    return this.mode === "box" || this.mode === "brush";
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.drag?.line) {
      this.drag.line.push(this.nearest(event));
      this.drawMarks();
      return;
    }
    if (this.drag) {
      const moved = Math.hypot(event.clientX - this.drag.clientX, event.clientY - this.drag.clientY);
      const draws = this.mode !== "measure" && (event.pointerType === "mouse" || this.draws);
      if (draws && this.drag.button === 0 && (this.drag.far || moved > DRAG_PX)) {
        this.drag.far = true;
        this.drag.end = this.nearest(event);
        this.drawMarks();
      }
      return;
    }
    const now = performance.now();
    const at = this.pixel(event);
    if (event.pointerType !== "mouse" || this.mode === "brush" || this.mode === "measure" || now - this.hovered < HOVER_MS) return;
    this.hovered = now;
    if (at) this.act.hover(at.x, at.y);
    else this.setHover(null);
  }

  /** @param {PointerEvent} event */
  up(event) {
    const drag = this.drag;
    this.endDrag();
    if (!drag) return;
    if (drag.line) {
      this.act.stroke(thinned(drag.line, STROKE_POINTS), this.brush * this.unit, !(drag.button === 2 || event.shiftKey));
      return;
    }
    if (drag.far) {
      const end = this.nearest(event);
      const [x0, x1] = [drag.start.x, end.x].sort((a, b) => a - b);
      const [y0, y1] = [drag.start.y, end.y].sort((a, b) => a - b);
      if (x1 - x0 >= 2 && y1 - y0 >= 2) this.act.box(x0, y0, x1, y1);
      return;
    }
    const positive = !(drag.button === 2 || event.shiftKey || this.mode === "remove");
    const again = event.timeStamp - this.clicked.time < DOUBLE_MS && this.clicked.positive === positive;
    const still = Math.hypot(event.clientX - this.clicked.x, event.clientY - this.clicked.y) < DRAG_PX;
    this.clicked = { time: event.timeStamp, x: event.clientX, y: event.clientY, positive };
    if (again && still) return; // a double click means what a click means
    this.act.click(drag.start.x, drag.start.y, positive);
  }

  endDrag() {
    this.drag = null;
    this.drawMarks();
  }

  /**
   * Pinch, or wheel with Ctrl: zoom about the pointer. Plain wheel scrolls the page, or the photo once zoomed.
   * @param {WheelEvent} event
   */
  wheel(event) {
    if (!this.photo) return;
    const { k, x, y } = this.zoom;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const rect = this.layers.getBoundingClientRect();
      const next = Math.min(Math.max(k * Math.exp(-event.deltaY * 0.0025), 1), MAX_ZOOM);
      const fx = (event.clientX - rect.left) / k;
      const fy = (event.clientY - rect.top) / k;
      this.zoom = next === 1 ? { k: 1, x: 0, y: 0 } : { k: next, x: x + fx * (k - next), y: y + fy * (k - next) };
      this.place();
    } else if (k > 1) {
      event.preventDefault();
      this.zoom = { k, x: x - event.deltaX, y: y - event.deltaY };
      this.place();
    }
  }

  drawMarks() {
    if (!this.photo) return;
    const unit = this.unit;
    this.marks.replaceChildren();
    if (this.drag?.line) {
      const path = [this.drag.line[0], ...this.drag.line].map(({ x, y }) => `${x},${y}`).join(" ");
      this.add("polyline", { points: path, class: "mark-stroke", "stroke-width": 2 * this.brush * unit });
    }
    for (const box of this.boxes) this.drawBox(box, unit);
    if (this.drag?.end) {
      const { start, end } = this.drag;
      this.drawBox([Math.min(start.x, end.x), Math.min(start.y, end.y), Math.max(start.x, end.x), Math.max(start.y, end.y)], unit);
    }
    for (const point of this.points) this.drawPoint(point, unit);
    if (this.ruler) drawRuler((tag, attributes) => this.add(tag, attributes), this.ruler, unit);
  }

  /**
   * @param {Corners} corners
   * @param {number} unit
   */
  drawBox([x0, y0, x1, y1], unit) {
    for (const name of ["mark-box-back", "mark-box"]) {
      this.add("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: name, "stroke-width": (name === "mark-box" ? 1.5 : 3.5) * unit, "stroke-dasharray": name === "mark-box" ? `${6 * unit} ${4 * unit}` : "none" });
    }
  }

  /**
   * A disc with a plus or a minus: told apart by shape, not only by colour.
   * @param {Mark} mark
   * @param {number} unit
   */
  drawPoint({ x, y, positive }, unit) {
    const r = 8 * unit;
    const arm = 4 * unit;
    this.add("circle", { cx: x, cy: y, r, class: positive ? "mark-in" : "mark-out", "stroke-width": 2 * unit });
    const line = { class: "mark-sign", "stroke-width": 2 * unit };
    this.add("line", { x1: x - arm, x2: x + arm, y1: y, y2: y, ...line });
    if (positive) this.add("line", { x1: x, x2: x, y1: y - arm, y2: y + arm, ...line });
  }

  /**
   * @param {string} tag
   * @param {{[name: string]: string | number}} attributes
   */
  add(tag, attributes) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
    this.marks.append(node);
    return node;
  }
}

/**
 * At most `most` of the points of a line, both ends among them, to a tenth of a pixel.
 * @param {Point[]} line
 * @param {number} most
 * @returns {[number, number][]}
 */
function thinned(line, most) {
  const count = Math.min(line.length, most);
  /** @param {number} k */
  const at = (k) => line[count === 1 ? 0 : Math.round((k * (line.length - 1)) / (count - 1))];
  return Array.from({ length: count }, (_, k) => [Math.round(at(k).x * 10) / 10, Math.round(at(k).y * 10) / 10]);
}
