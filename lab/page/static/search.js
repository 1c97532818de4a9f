// The Search cell: questions, ranked objects as pictures, a threshold over a histogram, heat in the photos.

const HOW = {
  attributes: "Read by measured colours, sizes, shapes, places and the names you gave. For any word, choose the image-text model (its weights: liftlab models).",
  open_clip: "Read by an image-text model. For exact colours, sizes and places, choose measured attributes.",
};
let photos = [];
let scene = null;

/** The workspace shows another state: its photos are the ones to look in. */
export function follow(state) {
  const names = (state?.photos ?? []).filter((photo) => photo.registered).map((photo) => photo.name);
  const changed = scene !== (state?.scene_key ?? null) || names.join() !== photos.join();
  scene = state?.scene_key ?? null;
  photos = names;
  panel?.find(".find-3d").setAttribute("aria-pressed", String(state?.look?.tone === "heat"));
  if (changed) panel?.sceneChanged();
}

let panel = null;

export function mount(element) {
  const root = element.querySelector("[data-find]");
  if (!root || root.liftlab) return;
  panel = root.liftlab = new Panel(root);
  panel.talk("");
}

class Panel {
  constructor(root) {
    this.root = root;
    this.find = (selector) => root.querySelector(selector);
    this.input = this.find("input[type=search]");
    this.encoder = this.find("[data-encoder]");
    this.photo = 0;
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(false);
    });
    this.find(".find-also").addEventListener("click", () => this.ask(true));
    this.encoder.addEventListener("change", () => (this.input.value.trim() ? this.ask(false) : this.say("")));
    this.find(".find-3d").addEventListener("click", (event) => {
      const tone = document.querySelector(".ws [data-tone]");
      tone.value = event.currentTarget.getAttribute("aria-pressed") === "true" ? "photo" : "heat";
      tone.dispatchEvent(new Event("change"));
    });
    for (const turn of root.querySelectorAll("[data-turn]"))
      turn.addEventListener("click", () => this.turn(Number(turn.dataset.turn)));
  }

  ask(beside) {
    if (!this.input.value.trim()) return this.input.focus();
    this.talk("/ask", { text: this.input.value, encoder: this.encoder.value, beside }, "Looking …");
  }

  async talk(path, body, busy = "") {
    if (busy) this.say(busy);
    this.root.toggleAttribute("aria-busy", Boolean(busy));
    try {
      const answer = await fetch(`/lab/search${path}`, body ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {});
      if (!answer.ok) throw new Error(`the lab answered ${answer.status}`);
      this.draw(await answer.json());
    } catch (error) {
      this.say(`The search did not work: ${error.message}.`, true);
    } finally {
      this.root.removeAttribute("aria-busy");
    }
  }

  say(sentence, bad = false) {
    const note = this.find(".find-note");
    note.textContent = sentence || HOW[this.encoder.value];
    note.classList.toggle("bad", bad);
  }

  draw(state) {
    this.state = state;
    this.say(state.note, Boolean(state.note));
    this.find("#find-history").replaceChildren(...state.history.map((text) => new Option(text)));
    this.find(".find-body").hidden = state.asks.length === 0;
    this.find(".find-asks").replaceChildren(...state.asks.map((ask, place) => this.answer(ask, place)));
    this.showPhoto();
  }

  answer(ask, place) {
    const part = document.createElement("article");
    part.style.setProperty("--query", ask.colour);
    const head = document.createElement("header");
    const title = Object.assign(document.createElement("b"), { textContent: ask.text });
    const count = Object.assign(document.createElement("small"), { textContent: ask.count === 1 ? "1 object" : `${ask.count} objects` });
    const drop = small("×", `Drop “${ask.text}”`, () => this.talk("/show", { forget: place }));
    head.append(document.createElement("i"), title, count, drop);
    part.append(head);
    if (ask.message) part.append(Object.assign(document.createElement("p"), { textContent: ask.message, className: "find-said" }));
    const row = document.createElement("div");
    row.className = "find-row";
    row.append(this.histogram(ask), ...ask.found.map((found) => this.hit(found)));
    part.append(row);
    return part;
  }

  /** Bars of all scores as shares of the best; the slider beneath cuts. */
  histogram(ask) {
    const box = document.createElement("label");
    box.className = "find-cut";
    const bars = document.createElement("span");
    const most = Math.max(...ask.histogram, 1);
    bars.append(...ask.histogram.map((count, bin) => {
      const bar = document.createElement("i");
      bar.style.height = `${count ? 12 + (88 * count) / most : 0}%`;
      bar.className = (bin + 1) / ask.histogram.length > this.state.threshold ? "in" : "";
      return bar;
    }));
    const slider = Object.assign(document.createElement("input"), { type: "range", min: 0, max: 1, step: 0.05, value: this.state.threshold });
    slider.setAttribute("aria-label", "Smallest share of the best score");
    slider.addEventListener("input", () => [...bars.children].forEach((bar, bin) => bar.classList.toggle("in", (bin + 1) / ask.histogram.length > slider.value)));
    slider.addEventListener("change", () => this.talk("/show", { threshold: Number(slider.value) }));
    box.append(bars, slider, Object.assign(document.createElement("small"), { textContent: `from ${Math.round(this.state.threshold * 100)} % of the best` }));
    return box;
  }

  hit(found) {
    const card = document.createElement("figure");
    const image = Object.assign(document.createElement("img"), { src: `/lab/search/thumb/${found.id}?v=${scene}`, alt: found.title, loading: "lazy" });
    const text = document.createElement("figcaption");
    text.append(Object.assign(document.createElement("span"), { textContent: found.title }), Object.assign(document.createElement("small"), { textContent: found.score.toFixed(2) }));
    const add = small("Add", `Add ${found.title} to the selection`, () => this.talk("/add", { object_id: found.id }, "Adding …"));
    card.append(image, text, add);
    return card;
  }

  turn(step) {
    if (photos.length) this.photo = (this.photo + step + photos.length) % photos.length;
    this.showPhoto();
  }

  showPhoto() {
    if (!this.state?.asks.length || !photos.length) return;
    const name = photos[this.photo % photos.length];
    this.find(".find-turn span").textContent = name;
    this.find(".find-image").src = `/lab/photo/${encodeURIComponent(name)}?w=640&s=${scene}`;
    this.find(".find-image").alt = `The photo ${name}`;
    this.find(".find-heat").src = `/lab/search/heat/${encodeURIComponent(name)}?w=640&v=${this.state.version}&s=${scene}`;
  }

  sceneChanged() {
    this.photo = 0;
    this.talk("");
  }
}

function small(text, label, action) {
  const node = Object.assign(document.createElement("button"), { type: "button", textContent: text, title: label });
  node.setAttribute("aria-label", label);
  node.addEventListener("click", action);
  return node;
}
