// @ts-check
// The photo of the Compare cell: where the methods disagree, or two answers with a divider between them.

import { finder } from "./dom.js";

/** @import {Compared} from "./wire.js" */
/** @typedef {"left" | "right"} Side */

/** @type {{[key: string]: number}} */
const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
/** @type {Side[]} */
const SIDES = ["left", "right"];

export class Swipe {
  sides = { left: 0, right: 1 }; // panes
  at = 50; // percent of the width left of the divider
  /** @type {{photo: string, scene: string, message: Compared, version: string} | null} */
  shown = null;

  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.find = finder(figure);
    this.stage = this.find(".cmp-stage");
    this.divider = this.find(".cmp-divider");
    /** @type {NodeListOf<HTMLElement>} */
    this.choices = figure.querySelectorAll("[data-over]");
    for (const node of this.choices) node.addEventListener("click", () => this.over(node.dataset.over));
    for (const side of SIDES) {
      const select = this.find(`[data-pick=${side}]`, HTMLSelectElement);
      select.addEventListener("change", () => {
        this.sides[side] = Number(select.value);
        this.draw();
      });
    }
    this.divider.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    this.place();
  }

  /**
   * Show a photo of the scene.
   * @param {string} photo
   * @param {string} scene
   * @param {Compared} message
   * @param {string} version  changes with the answers
   */
  show(photo, scene, message, version) {
    this.shown = { photo, scene, message, version };
    this.draw();
  }

  /** @param {string | undefined} what */
  over(what) {
    this.figure.dataset.show = what;
    for (const node of this.choices)
      node.setAttribute("aria-checked", String(node.dataset.over === what));
    this.draw();
  }

  draw() {
    if (!this.shown) return;
    const { photo, scene, message, version } = this.shown;
    const swiping = this.figure.dataset.show === "swipe";
    const at = `${encodeURIComponent(photo)}?w=960&scene=${scene}`;
    set(this.find(".cmp-photo", HTMLImageElement), `lab/photo/${at}`);
    this.find("figcaption").textContent = `${swiping ? "Drag the divider" : "Where they disagree"}: ${photo}. Agreement in all photos, as mean IoU of every two: ${message.agree?.toFixed(3)}`;
    if (!swiping) {
      set(this.find(".cmp-heat", HTMLImageElement), `lab/split/${at}&v=${version}`);
      return;
    }
    const answered = message.panes.map((pane, index) => ({ ...pane, index })).filter((pane) => pane.ms !== null);
    for (const side of SIDES) {
      const other = this.sides[side === "left" ? "right" : "left"];
      if (!answered.some((pane) => pane.index === this.sides[side]))
        this.sides[side] = (answered.find((pane) => pane.index !== other) ?? answered[0]).index;
      const pane = message.panes[this.sides[side]];
      const select = this.find(`[data-pick=${side}]`, HTMLSelectElement);
      select.replaceChildren(...answered.map((one) => new Option(`${one.index + 1} · ${one.method}`, String(one.index))));
      select.value = String(this.sides[side]);
      this.find(`.cmp-name[data-side=${side}]`).textContent = pane.method;
      set(this.find(`[data-mask=${side}]`, HTMLImageElement), `lab/pane/${this.sides[side]}/${at}&v=${version}`);
    }
    this.find(".cmp-sides").hidden = answered.length < 3;
    this.place();
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (this.figure.dataset.show !== "swipe" || event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.divider.focus({ preventScroll: true });
    this.moveTo(event);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (this.stage.hasPointerCapture(event.pointerId)) this.moveTo(event);
  }

  /** @param {PointerEvent} event */
  moveTo(event) {
    const { left, width } = this.stage.getBoundingClientRect();
    this.at = ((event.clientX - left) / width) * 100;
    this.place();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    this.at += step;
    this.place();
  }

  place() {
    this.at = Math.min(Math.max(this.at, 0), 100);
    this.divider.style.left = `${this.at}%`;
    this.divider.setAttribute("aria-valuenow", String(Math.round(this.at)));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.at)} % of the photo shows the left method`);
    this.find("[data-mask=left]").style.clipPath = `inset(0 ${100 - this.at}% 0 0)`;
    this.find("[data-mask=right]").style.clipPath = `inset(0 0 0 ${this.at}%)`;
  }
}

/**
 * @param {HTMLImageElement} image
 * @param {string} url
 */
function set(image, url) {
  if (image.getAttribute("src") !== url) image.src = url;
}
