// How the scene is drawn in 3D, and how the current object stands in it.

const WAYS = [
  ["left", "\u2190"], ["right", "\u2192"], ["up", "\u2191"], ["down", "\u2193"], ["front", "nearer"], ["back", "farther"],
];

export class Stage {
  /** busy(command, fields): send something that changes the session. */
  constructor(root, live, busy) {
    this.find = (selector) => root.querySelector(selector);
    this.root = root;
    this.live = live;
    this.busy = busy;
    for (const node of root.querySelectorAll("[data-surface]"))
      node.addEventListener("click", () => this.look({ surface: node.dataset.surface }));
    for (const part of ["tone", "rest"])
      this.find(`[data-${part}]`).addEventListener("change", (event) => this.look({ [part]: event.target.value }));
    for (const node of root.querySelectorAll("[data-stage]"))
      node.addEventListener("click", () => this.act(node.dataset.stage));
    this.find("[data-keep]").addEventListener("click", () => this.busy("keep", { id: this.state.current }));
    this.find(".nudge").append(...WAYS.map(([way, sign]) => this.nudge(way, sign)));
  }

  nudge(way, sign) {
    const node = document.createElement("button");
    node.type = "button";
    node.className = "tool wide";
    node.textContent = sign;
    node.title = `Move the object: ${way}`;
    node.setAttribute("aria-label", `Move ${way}`);
    node.addEventListener("click", () => this.busy("nudge", { id: this.state.current, way }));
    return node;
  }

  look(change) {
    if (change.tone === "features") change.surface = "splats"; // points have none
    this.busy("look_3d", { ...this.state.look, ...change });
  }

  act(what) {
    const id = this.state.current;
    if (what === "move") this.busy("moving", { on: !this.state.moving });
    else if (what === "crop" && this.state.cropped) this.busy("uncrop");
    else if (what === "remove") this.busy("remove", { id, removed: !this.object?.removed });
    else this.busy(what, { id });
  }

  render(state) {
    this.state = state;
    this.object = state.objects.find((entry) => entry.id === state.current);
    for (const node of this.root.querySelectorAll("[data-surface]")) {
      node.setAttribute("aria-checked", String(node.dataset.surface === state.look.surface));
      if (node.dataset.surface === "splats") {
        node.disabled = !state.splats;
        node.title = state.splats ? "" : "Train splats first, in the cell Splats";
      }
    }
    this.find("[data-tone]").value = state.look.tone;
    this.find("[value=features]").hidden = !state.features && state.look.tone !== "features";
    this.find("[value=heat]").hidden = !state.heat && state.look.tone !== "heat";
    this.find("[data-rest]").value = state.look.rest;
    this.find(".stage").hidden = !state.lit;
    this.find(".slow").hidden = !this.object?.slow;
    const removed = Boolean(this.object?.removed);
    this.find("[data-stage=remove]").textContent = removed ? "Put in again" : "Take out";
    this.find("[data-stage=crop]").textContent = state.cropped ? "Uncrop" : "Crop";
    this.find("[data-stage=move]").setAttribute("aria-pressed", String(state.moving));
    this.find("[data-stage=put_back]").disabled = !this.object?.moved;
    for (const name of ["move", "duplicate"]) this.find(`[data-stage=${name}]`).disabled = removed;
    this.find(".nudge").hidden = !state.moving || removed;
  }
}
