// The photo of the Compare cell: where the methods disagree, or two answers with a divider between them.

const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10, Home: -100, End: 100 };
const SIDES = ["left", "right"];

export class Swipe {
  constructor(figure) {
    this.figure = figure;
    this.find = (selector) => figure.querySelector(selector);
    this.sides = { left: 0, right: 1 }; // panes
    this.at = 50; // percent of the width left of the divider
    this.stage = this.find(".cmp-stage");
    this.divider = this.find(".cmp-divider");
    for (const node of figure.querySelectorAll("[data-over]")) node.addEventListener("click", () => this.over(node.dataset.over));
    for (const side of SIDES)
      this.find(`[data-pick=${side}]`).addEventListener("change", (event) => {
        this.sides[side] = Number(event.target.value);
        this.draw();
      });
    this.divider.addEventListener("keydown", (event) => this.key(event));
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.stage.addEventListener("pointermove", (event) => this.drag(event));
    this.place();
  }

  /** Show a photo of the scene; version: changes with the answers. */
  show(photo, scene, message, version) {
    this.shown = { photo, scene, message, version };
    this.draw();
  }

  over(what) {
    this.figure.dataset.show = what;
    for (const node of this.figure.querySelectorAll("[data-over]"))
      node.setAttribute("aria-checked", String(node.dataset.over === what));
    this.draw();
  }

  draw() {
    if (!this.shown) return;
    const { photo, scene, message, version } = this.shown;
    const swiping = this.figure.dataset.show === "swipe";
    const at = `${encodeURIComponent(photo)}?w=960&scene=${scene}`;
    set(this.find(".cmp-photo"), `/lab/photo/${at}`);
    this.find("figcaption").textContent = `${swiping ? "Drag the divider" : "Where they disagree"}: ${photo}. Agreement in all photos, as mean IoU of every two: ${message.agree.toFixed(3)}`;
    if (!swiping) {
      set(this.find(".cmp-heat"), `/lab/split/${at}&v=${version}`);
      return;
    }
    const answered = message.panes.map((pane, index) => ({ ...pane, index })).filter((pane) => pane.ms !== null);
    for (const side of SIDES) {
      const other = this.sides[side === "left" ? "right" : "left"];
      if (!answered.some((pane) => pane.index === this.sides[side]))
        this.sides[side] = (answered.find((pane) => pane.index !== other) ?? answered[0]).index;
      const pane = message.panes[this.sides[side]];
      const select = this.find(`[data-pick=${side}]`);
      select.replaceChildren(...answered.map((one) => new Option(`${one.index + 1} · ${one.method}`, one.index)));
      select.value = this.sides[side];
      this.find(`.cmp-name[data-side=${side}]`).textContent = pane.method;
      set(this.find(`[data-mask=${side}]`), `/lab/pane/${this.sides[side]}/${at}&v=${version}`);
    }
    this.find(".cmp-sides").hidden = answered.length < 3;
    this.place();
  }

  grab(event) {
    if (this.figure.dataset.show !== "swipe" || event.button !== 0) return;
    this.stage.setPointerCapture(event.pointerId);
    this.divider.focus({ preventScroll: true });
    this.moveTo(event);
  }

  drag(event) {
    if (this.stage.hasPointerCapture(event.pointerId)) this.moveTo(event);
  }

  moveTo(event) {
    const { left, width } = this.stage.getBoundingClientRect();
    this.at = ((event.clientX - left) / width) * 100;
    this.place();
  }

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
    this.divider.setAttribute("aria-valuenow", Math.round(this.at));
    this.divider.setAttribute("aria-valuetext", `${Math.round(this.at)} % of the photo shows the left method`);
    this.find("[data-mask=left]").style.clipPath = `inset(0 ${100 - this.at}% 0 0)`;
    this.find("[data-mask=right]").style.clipPath = `inset(0 0 0 ${this.at}%)`;
  }
}

function set(image, url) {
  if (image.getAttribute("src") !== url) image.src = url;
}
