// @ts-check
// Measuring: two clicks and their distance; a distance that is known gives the scene its scale.

import { finder } from "./dom.js";

/** @import {Live} from "./live.js" */
/** @import {Ready, Send} from "./wire.js" */
/** @typedef {{points: [number, number][], label: string | null}} Measure  at most two points, photo pixels */

export class Ruler {
  on = false;

  /**
   * @param {HTMLElement} root
   * @param {Live} live
   * @param {Send} busy  sends something that changes the session
   */
  constructor(root, live, busy) {
    this.live = live;
    this.bar = finder(root)(".ruler");
    this.find = finder(this.bar);
    const input = this.find("input", HTMLInputElement);
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const length = Number(input.value);
      busy("set_scale", { length: Number.isFinite(length) ? length : 0, unit: this.find("select", HTMLSelectElement).value });
      input.value = "";
    });
    this.find("[data-unscale]").addEventListener("click", () => busy("forget_scale"));
    this.metres = finder(root)("[data-metres]", HTMLInputElement);
    this.metresLabel = finder(root)(".take-metres");
  }

  /**
   * The ruler is taken up or put down.
   * @param {string} mode
   */
  setMode(mode) {
    const on = mode === "measure";
    this.bar.hidden = !on;
    if (on !== this.on) this.live.send("measuring", { on });
    this.on = on;
  }

  /** @param {Ready} state */
  render(state) {
    const { length, count, scale } = state.ruler;
    this.find("output").textContent = length ?? (count === 1 ? "Click the second place." : "Click two places, in a photo or in 3D.");
    this.find("form").hidden = length === null;
    this.find(".ruler-scale").textContent = scale;
    this.find("[data-unscale]").hidden = !state.ruler.measured;
    this.metresLabel.hidden = !scale;
    if (!scale) this.metres.checked = false;
  }
}

/**
 * Draw what is measured over a photo.
 * @param {(tag: string, attributes: {[name: string]: string | number}) => Element} add  puts a node into the drawing
 * @param {Measure} ruler
 * @param {number} unit  photo pixels per pixel on the screen
 */
export function drawRuler(add, { points, label }, unit) {
  if (points.length === 2) {
    const [[x1, y1], [x2, y2]] = points;
    /** @type {[string, number][]} */
    const lines = [["rule-back", 5], ["rule-line", 2.5]];
    for (const [name, width] of lines)
      add("line", { x1, y1, x2, y2, class: name, "stroke-width": width * unit });
    const text = add("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 9 * unit, class: "rule-label", "font-size": 14 * unit, "stroke-width": 4 * unit, "text-anchor": "middle" });
    text.textContent = label;
  }
  for (const [cx, cy] of points) add("circle", { cx, cy, r: 5 * unit, class: "rule-end", "stroke-width": 2 * unit });
}
