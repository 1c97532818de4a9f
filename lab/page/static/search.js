// @ts-check
// The Search cell: questions, ranked objects as pictures, a threshold over a histogram, heat in the photos.

import { closeCells } from "./cells.js";
import { button, finder, made, startIn } from "./dom.js";

/** @import {Asked, Found, SearchBody, SearchState, State} from "./wire.js" */

/** @type {{[encoder: string]: string}} */
const HOW = {
  attributes: "Understands colours, sizes, shapes, places and names given on this scene (everybody shares them). Other words need a name, guesses or a model.",
  words: "Also guesses what things are, offline: mug finds mugs, and so does cup. Guesses (with a question mark) are often wrong; click one to accept it as the name.",
  open_clip: "Compares pictures of the objects with any words (needs weights: liftlab models). For exact colours, sizes and places, choose measured attributes.",
  votes: "SAGA's own way: masks of all photos vote by an image-text model. Prepare and choose SAGA for it.",
};
/** @type {string[]} */
let photos = [];
/** @type {string | null} */
let scene = null;
/** @type {string | null} */
let last = null; // that was open, also while none is
/** @type {Panel | null} */
let panel = null;

/**
 * The workspace shows another state: its photos are the ones to look in.
 * @param {State} state
 */
export function follow(state) {
  const ready = state.phase === "ready" ? state : null;
  const names = (ready?.photos ?? []).filter((photo) => photo.registered).map((photo) => photo.name);
  const changed = scene !== state.scene_key || names.join() !== photos.join();
  const other = ready !== null && last !== null && last !== ready.scene_key;
  last = ready?.scene_key ?? last;
  scene = state.scene_key;
  photos = names;
  panel?.find(".find-3d").setAttribute("aria-pressed", String(ready?.look.tone === "heat"));
  if (changed) panel?.sceneChanged(other);
}

/** @param {HTMLElement} element */
export function mount(element) {
  startIn(element.querySelector("[data-find]"), (root) => {
    panel = new Panel(root);
    panel.talk("");
  });
}

class Panel {
  photo = 0;
  asked = 0; // how often
  /** @type {SearchState | null} */
  state = null;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    this.find = finder(root);
    this.input = this.find("input[type=search]", HTMLInputElement);
    this.encoder = this.find("[data-encoder]", HTMLSelectElement);
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(false);
    });
    this.find(".find-also").addEventListener("click", () => this.ask(true));
    this.encoder.addEventListener("change", () => (this.input.value.trim() ? this.ask(false) : this.say("")));
    const in3d = this.find(".find-3d");
    in3d.addEventListener("click", () => {
      const tone = finder(document)(".ws [data-tone]", HTMLSelectElement);
      tone.value = in3d.getAttribute("aria-pressed") === "true" ? "photo" : "heat";
      tone.dispatchEvent(new Event("change"));
    });
    /** @type {NodeListOf<HTMLElement>} */
    const turns = root.querySelectorAll("[data-turn]");
    for (const turn of turns)
      turn.addEventListener("click", () => this.turn(Number(turn.dataset.turn)));
  }

  /** @param {boolean} beside  keep the earlier questions */
  ask(beside) {
    if (!this.input.value.trim()) return this.input.focus();
    closeCells(); // answers stand where an open cell does
    const encoder = /** @type {"attributes" | "open_clip"} */ (this.encoder.value);
    this.talk("/ask", { text: this.input.value, encoder, beside }, "Looking …");
  }

  /**
   * Ask the lab, and draw what it answers.
   * @param {string} path
   * @param {SearchBody} [body]
   * @param {string} [busy]  said meanwhile
   */
  async talk(path, body, busy = "") {
    const turn = ++this.asked;
    if (busy) this.say(busy);
    this.root.toggleAttribute("aria-busy", Boolean(busy));
    try {
      const answer = await fetch(`lab/search${path}`, body ? { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) } : {});
      if (!answer.ok) throw new Error(`the lab answered ${answer.status}`);
      const state = await answer.json();
      if (turn !== this.asked) return; // something was asked since: what comes then is newer
      if (!body && state.asks.length > 0) this.encoder.value = state.encoder; // what came back was read by this one
      this.draw(state);
    } catch (error) {
      if (turn === this.asked) this.say(`The search did not work: ${/** @type {Error} */ (error).message}.`, true);
    } finally {
      if (turn === this.asked) this.root.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {string} sentence
   * @param {boolean} [bad]
   */
  say(sentence, bad = false) {
    const note = this.find(".find-note");
    note.textContent = sentence || HOW[this.encoder.value];
    note.classList.toggle("bad", bad);
  }

  /** @param {SearchState} state */
  draw(state) {
    this.state = state;
    this.say(state.note, Boolean(state.note));
    this.find("#find-history").replaceChildren(...state.history.map((text) => new Option(text)));
    this.find(".find-body").hidden = state.asks.length === 0;
    this.find(".find-photo").hidden = state.asks.every((ask) => ask.found.length === 0); // nothing to be lit
    this.find(".find-asks").replaceChildren(...state.asks.map((ask, place) => this.answer(ask, place, state.threshold)));
    this.showPhoto();
  }

  /**
   * @param {Asked} ask
   * @param {number} place  among the questions
   * @param {number} threshold
   */
  answer(ask, place, threshold) {
    const part = document.createElement("article");
    part.style.setProperty("--query", ask.colour);
    const head = document.createElement("header");
    const title = made("b", { textContent: ask.text });
    const count = made("small", { textContent: ask.count === 1 ? "1 object" : `${ask.count} objects` });
    const drop = small("×", `Drop “${ask.text}”`, () => this.talk("/show", { forget: place }));
    head.append(document.createElement("i"), title, count, drop);
    part.append(head);
    const guessing = this.encoder.value === "attributes" && ask.unknown.length > 0;
    if (ask.message) part.append(made("p", { textContent: ask.message, className: "find-said" }));
    if (guessing) part.append(this.guessed(ask.text));
    if (ask.histogram.some((count) => count > 0)) {
      const row = made("div", { className: "find-row" });
      row.append(this.histogram(ask, threshold), ...ask.found.map((found) => this.hit(found)));
      part.append(row);
    }
    return part;
  }

  /**
   * What helps with words that are neither measured nor given.
   * @param {string} text
   */
  guessed(text) {
    const node = button("find-guess", "Guesses what things are, offline", () => {
      this.input.value = text;
      this.encoder.value = "words";
      this.ask(false);
    });
    node.textContent = "Ask guessed names, too";
    return node;
  }

  /**
   * Bars of all scores as shares of the best; the slider beneath cuts.
   * @param {Asked} ask
   * @param {number} threshold
   */
  histogram(ask, threshold) {
    const box = made("label", { className: "find-cut" });
    const bars = document.createElement("span");
    const most = Math.max(...ask.histogram, 1);
    bars.append(...ask.histogram.map((count, bin) => {
      const bar = document.createElement("i");
      bar.style.height = `${count ? 12 + (88 * count) / most : 0}%`;
      bar.className = (bin + 1) / ask.histogram.length > threshold ? "in" : "";
      return bar;
    }));
    const slider = made("input", { type: "range", min: "0", max: "1", step: "0.05", value: String(threshold) });
    slider.setAttribute("aria-label", "Smallest share of the best score");
    slider.addEventListener("input", () => [...bars.children].forEach((bar, bin) => bar.classList.toggle("in", (bin + 1) / ask.histogram.length > Number(slider.value))));
    slider.addEventListener("change", () => this.talk("/show", { threshold: Number(slider.value) }));
    box.append(bars, slider, made("small", { textContent: `from ${Math.round(threshold * 100)} % of the best` }));
    return box;
  }

  /** @param {Found} found */
  hit(found) {
    const card = document.createElement("figure");
    const image = made("img", { src: `lab/search/thumb/${found.id}?v=${scene}`, alt: found.title, loading: "lazy" });
    const text = document.createElement("figcaption");
    text.append(made("span", { textContent: found.title }), made("small", { textContent: found.score.toFixed(2) }));
    const add = small("Add", `Add ${found.title} to the selection`, () => this.talk("/add", { object_id: found.id }, "Adding …"));
    card.append(image, text, add);
    for (const guess of found.guesses) {
      const accept = small(`${guess.name}? ${Math.round(100 * guess.score)} %`, `A guess. Accept it: this is a ${guess.name}`, () =>
        this.talk("/add", { object_id: found.id, name: guess.name }, "Naming …"));
      accept.className = "guess";
      card.append(accept);
    }
    return card;
  }

  /** @param {number} step */
  turn(step) {
    if (photos.length) this.photo = (this.photo + step + photos.length) % photos.length;
    this.showPhoto();
  }

  showPhoto() {
    if (!this.state?.asks.length || !photos.length) return;
    const name = photos[this.photo % photos.length];
    this.find(".find-turn span").textContent = name;
    const image = this.find(".find-image", HTMLImageElement);
    image.src = `lab/photo/${encodeURIComponent(name)}?w=640&s=${scene}`;
    image.alt = `The photo ${name}`;
    this.find(".find-heat", HTMLImageElement).src = `lab/search/heat/${encodeURIComponent(name)}?w=640&v=${this.state.version}&s=${scene}`;
  }

  /** @param {boolean} other  than was open before: what is typed was asked of that */
  sceneChanged(other) {
    this.photo = 0;
    if (other) this.input.value = "";
    this.talk("");
  }
}

/**
 * @param {string} text
 * @param {string} label
 * @param {() => void} action
 */
function small(text, label, action) {
  const node = made("button", { type: "button", textContent: text, title: label });
  node.setAttribute("aria-label", label);
  node.addEventListener("click", action);
  return node;
}
