// @ts-check
// Clicking without a pointer: a cursor in the photo that arrows move, and the middle of the 3D view.

import { made } from "./dom.js";

/** @import {PhotoCanvas} from "./photo.js" */

const STEPS = 64; // across a photo
const FAR = 5; // steps at once, with Shift
const STILL_PX = 4; // a right button that moved farther was a drag of the camera
/** @type {{[key: string]: [number, number]}} */
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The cursor in the photo. */
export class PhotoCursor {
  /** @type {{x: number, y: number} | null} */
  at = null; // photo pixels; nowhere until a key asks for it

  /**
   * @param {HTMLElement} stage
   * @param {PhotoCanvas} canvas
   * @param {(by: number) => void} step  shows another photo
   */
  constructor(stage, canvas, step) {
    this.canvas = canvas;
    this.step = step;
    this.mark = made("i", { className: "photo-cursor", hidden: true });
    this.said = made("span", { className: "unseen-text" });
    this.said.setAttribute("role", "status");
    canvas.layers.append(this.mark);
    stage.append(this.said);
    stage.addEventListener("keydown", (event) => this.key(event));
    stage.addEventListener("blur", () => this.hide());
    stage.addEventListener("pointerdown", () => this.hide());
  }

  hide() {
    this.mark.hidden = true;
    this.canvas.act.leave();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const photo = this.canvas.photo;
    if (!photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = WAYS[event.key];
    if (way) this.move(way, event.shiftKey ? FAR : 1, photo);
    else if (event.key === "Enter" && this.at && !this.mark.hidden)
      this.canvas.act.click(this.at.x, this.at.y, !event.shiftKey && this.canvas.mode !== "remove");
    else if (event.key === "Escape") this.hide();
    else if (event.key === "PageUp" || event.key === "PageDown") this.step(event.key === "PageUp" ? -1 : 1);
    else return;
    event.preventDefault();
  }

  /**
   * @param {[number, number]} way
   * @param {number} steps
   * @param {{width: number, height: number}} photo
   */
  move([dx, dy], steps, photo) {
    const by = (steps * photo.width) / STEPS;
    const from = this.at ?? { x: photo.width / 2, y: photo.height / 2 };
    const moved = this.mark.hidden ? from : { x: from.x + dx * by, y: from.y + dy * by };
    this.at = {
      x: Math.min(Math.max(moved.x, 0.5), photo.width - 0.5),
      y: Math.min(Math.max(moved.y, 0.5), photo.height - 0.5),
    };
    this.mark.hidden = false;
    this.mark.style.left = `${(this.at.x / photo.width) * 100}%`;
    this.mark.style.top = `${(this.at.y / photo.height) * 100}%`;
    this.said.textContent = `${Math.round(this.at.x)}, ${Math.round(this.at.y)}`;
    this.canvas.act.hover(this.at.x, this.at.y);
  }
}

/**
 * In the 3D view a right click takes away, and Enter clicks in its middle (with Shift: takes away).
 * @param {HTMLIFrameElement} frame
 * @param {(event: KeyboardEvent) => void} key  takes all keys there
 */
export function clicksIn3D(frame, key) {
  const inside = frame.contentWindow;
  const page = frame.contentDocument;
  if (!inside || !page) return;
  inside.addEventListener("keydown", key);
  /** @type {{x: number, y: number} | null} */
  let pressed = null;
  inside.addEventListener("pointerdown", (event) => (pressed = event.button === 2 ? { x: event.clientX, y: event.clientY } : null), true);
  inside.addEventListener("pointerup", (event) => {
    const start = pressed;
    pressed = null;
    if (event.button !== 2 || !start || Math.hypot(event.clientX - start.x, event.clientY - start.y) > STILL_PX) return;
    setTimeout(() => clickAt(page, event.clientX, event.clientY, true), 0);
  }, true);
  inside.addEventListener("contextmenu", (event) => event.preventDefault(), true);
  inside.addEventListener("keydown", (event) => {
    const target = /** @type {Partial<Element>} */ (event.target);
    if (event.key !== "Enter" || target.closest?.("input, textarea, button, a")) return;
    event.preventDefault();
    clickAt(page, inside.innerWidth / 2, inside.innerHeight / 2, event.shiftKey);
  });
}

/**
 * A click in the 3D view, as if the left button had been pressed.
 * @param {Document} page
 * @param {number} x
 * @param {number} y
 * @param {boolean} away  with Shift, which takes away
 */
function clickAt(page, x, y, away) {
  const canvas = [...page.querySelectorAll("canvas")].find((each) => each.width > 0); // one lies over it, for frames that are drawn
  if (!canvas) return;
  const common = { clientX: x, clientY: y, bubbles: true, cancelable: true, shiftKey: away, pointerId: 1, pointerType: "mouse", isPrimary: true };
  if (away) page.dispatchEvent(new KeyboardEvent("keydown", { key: "Shift", code: "ShiftLeft", shiftKey: true, bubbles: true }));
  canvas.dispatchEvent(new PointerEvent("pointerdown", { ...common, button: 0, buttons: 1 }));
  canvas.dispatchEvent(new PointerEvent("pointerup", { ...common, button: 0, buttons: 0 }));
  canvas.dispatchEvent(new MouseEvent("click", { ...common, button: 0 }));
  if (away) page.dispatchEvent(new KeyboardEvent("keyup", { key: "Shift", code: "ShiftLeft", bubbles: true }));
}
