// Measuring: two clicks and their distance; a distance that is known gives the scene its scale.

export class Ruler {
  /** busy(command, fields): send something that changes the session. */
  constructor(root, live, busy) {
    this.live = live;
    this.bar = root.querySelector(".ruler");
    this.find = (selector) => this.bar.querySelector(selector);
    this.on = false;
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const length = Number(this.find("input").value);
      busy("set_scale", { length: Number.isFinite(length) ? length : 0, unit: this.find("select").value });
      this.find("input").value = "";
    });
    this.find("[data-unscale]").addEventListener("click", () => busy("forget_scale"));
    this.metres = root.querySelector("[data-metres]");
  }

  /** The ruler is taken up or put down. */
  setMode(mode) {
    const on = mode === "measure";
    this.bar.hidden = !on;
    if (on !== this.on) this.live.send("measuring", { on });
    this.on = on;
  }

  render(state) {
    const { length, count, scale } = state.ruler;
    this.find("output").textContent = length ?? (count === 1 ? "Click the second place." : "Click two places, in a photo or in 3D.");
    this.find("form").hidden = length === null;
    this.find(".ruler-scale").textContent = scale;
    this.find("[data-unscale]").hidden = !state.ruler.measured;
    this.metres.closest("label").hidden = !scale;
    if (!scale) this.metres.checked = false;
  }
}

/** Draw what is measured over a photo: add(tag, attributes) puts a node into the drawing. */
export function drawRuler(add, { points, label }, unit) {
  if (points.length === 2) {
    const [[x1, y1], [x2, y2]] = points;
    for (const [name, width] of [["rule-back", 5], ["rule-line", 2.5]])
      add("line", { x1, y1, x2, y2, class: name, "stroke-width": width * unit });
    const text = add("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 9 * unit, class: "rule-label", "font-size": 14 * unit, "stroke-width": 4 * unit, "text-anchor": "middle" });
    text.textContent = label;
  }
  for (const [cx, cy] of points) add("circle", { cx, cy, r: 5 * unit, class: "rule-end", "stroke-width": 2 * unit });
}
