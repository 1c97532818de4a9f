// @ts-check
// How the scene is drawn in 3D, and how the current object stands in it.

import { button, finder } from "./dom.js";

/** @import {Look, ObjectRow, Ready, Send} from "./wire.js" */

const WAYS = [
  ["left", "\u2190"], ["right", "\u2192"], ["up", "\u2191"], ["down", "\u2193"], ["front", "nearer"], ["back", "farther"],
];

export class Stage {
  /** @type {Ready | null} */
  state = null;
  /** @type {ObjectRow | undefined} */
  object = undefined;

  /**
   * @param {HTMLElement} root
   * @param {Send} busy  sends something that changes the session
   */
  constructor(root, busy) {
    this.find = finder(root);
    this.busy = busy;
    /** @type {NodeListOf<HTMLButtonElement>} */
    this.surfaces = root.querySelectorAll("[data-surface]");
    for (const node of this.surfaces)
      node.addEventListener("click", () => this.look({ surface: /** @type {Look["surface"]} */ (node.dataset.surface) }));
    const tone = this.find("[data-tone]", HTMLSelectElement);
    tone.addEventListener("change", () => this.look({ tone: /** @type {Look["tone"]} */ (tone.value) }));
    const rest = this.find("[data-rest]", HTMLSelectElement);
    rest.addEventListener("change", () => this.look({ rest: /** @type {Look["rest"]} */ (rest.value) }));
    /** @type {NodeListOf<HTMLElement>} */
    const acts = root.querySelectorAll("[data-stage]");
    for (const node of acts) node.addEventListener("click", () => this.act(node.dataset.stage ?? ""));
    this.find("[data-keep]").addEventListener("click", () => this.withCurrent((id) => this.busy("keep", { id })));
    this.find(".nudge").append(...WAYS.map(([way, sign]) => this.nudge(way, sign)));
  }

  /**
   * @param {string} way
   * @param {string} sign
   */
  nudge(way, sign) {
    const node = button("tool wide", `Move the object: ${way}`, () => this.withCurrent((id) => this.busy("nudge", { id, way })));
    node.textContent = sign;
    node.setAttribute("aria-label", `Move ${way}`);
    return node;
  }

  /**
   * Do something to the current object, when there is one.
   * @param {(id: number) => void} act
   */
  withCurrent(act) {
    const id = this.state?.current ?? null;
    if (id !== null) act(id);
  }

  /** @param {Partial<Look>} change */
  look(change) {
    if (!this.state) return;
    if (change.tone === "features") change.surface = "splats"; // points have none
    this.busy("look_3d", { ...this.state.look, ...change });
  }

  /** @param {string} what */
  act(what) {
    if (what === "move") this.busy("moving", { on: !this.state?.moving });
    else if (what === "crop" && this.state?.cropped) this.busy("uncrop");
    else if (what === "mend") this.busy("mend", { on: !this.state?.mended });
    else if (what === "remove") this.withCurrent((id) => this.busy("remove", { id, removed: !this.object?.removed }));
    else this.withCurrent((id) => this.busy(/** @type {"duplicate" | "crop" | "put_back"} */ (what), { id }));
  }

  /** @param {Ready} state */
  render(state) {
    this.state = state;
    this.object = state.objects.find((entry) => entry.id === state.current);
    for (const node of this.surfaces) {
      node.setAttribute("aria-checked", String(node.dataset.surface === state.look.surface));
      node.textContent = node.dataset.surface === "points" ? "Points" : state.previewing ? "Splats, in training" : "Splats";
      if (node.dataset.surface === "splats") {
        node.disabled = !state.splats && !state.previewing;
        node.title = state.splats ? "" : "Train splats first, in the cell Splats";
      }
    }
    this.find("[data-tone]", HTMLSelectElement).value = state.look.tone;
    this.find("[value=features]").hidden = !state.features && state.look.tone !== "features";
    this.find("[value=heat]").hidden = !state.heat && state.look.tone !== "heat";
    this.find("[data-rest]", HTMLSelectElement).value = state.look.rest;
    this.find(".stage").hidden = !state.lit || Boolean(this.object?.photo_only);
    this.find(".slow").hidden = !this.object?.slow;
    const removed = Boolean(this.object?.removed);
    this.find("[data-stage=remove]").textContent = removed ? "Put in again" : "Take out";
    this.find("[data-stage=crop]").textContent = state.cropped ? "Uncrop" : "Crop";
    this.find("[data-stage=move]").setAttribute("aria-pressed", String(state.moving));
    this.find("[data-stage=put_back]", HTMLButtonElement).disabled = !this.object?.moved;
    for (const name of ["move", "duplicate"]) this.find(`[data-stage=${name}]`, HTMLButtonElement).disabled = removed;
    const mend = this.find("[data-stage=mend]", HTMLButtonElement);
    mend.disabled = !state.mendable && !state.mended;
    mend.setAttribute("aria-pressed", String(state.mended));
    this.find(".nudge").hidden = !state.moving || removed;
  }
}
