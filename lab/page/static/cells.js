// @ts-check
// Cells of the notebook: heads that open and close, progress, sentences and the equivalent Python.

import { button, finder } from "./dom.js";

/** @import {Cells, CellStatus, Curve, Send} from "./wire.js" */
/** @typedef {{head?: HTMLElement, status?: HTMLElement}} Parts */

/** @type {Map<string, Parts>} */
const parts = new Map(); // by cell id
/** @type {Map<string, boolean>} */
const opened = new Map(); // cell id -> what the person chose; until then the server's wish counts
/** @type {Cells | null} */
let last = null;
/** @type {Send} */
let send = () => {};
/** @type {((cells: CellStatus[]) => void)[]} */
const listeners = [];

/** @param {Send} sendCommand */
export function connect(sendCommand) {
  send = sendCommand;
}

/**
 * Tell the session something that a cell's own controls want.
 * @type {Send}
 */
export const command = (name, ...fields) => send(name, ...fields);

/**
 * Have `listener(cells)` called with every state of the cells, the present one first.
 * @param {(cells: CellStatus[]) => void} listener
 */
export function onCells(listener) {
  listeners.push(listener);
  if (last) listener(last.cells);
}

/**
 * Called by the head and by the status part of every cell when Gradio has placed them.
 * @param {HTMLElement} element
 * @param {"head" | "status"} kind
 */
export function register(element, kind) {
  const node = finder(element)(`[data-cell-${kind}]`);
  const id = node.dataset[kind === "head" ? "cellHead" : "cellStatus"] ?? "";
  parts.set(id, { ...parts.get(id), [kind]: node });
  if (kind === "head") {
    node.addEventListener("click", () => {
      const open = node.getAttribute("aria-expanded") !== "true";
      for (const other of parts.keys()) opened.set(other, other === id && open);
      applyOpen();
    });
  }
  if (last) render(last);
}

/** @param {Cells} message */
export function render(message) {
  last = message;
  for (const cell of message.cells) {
    const { head, status } = parts.get(cell.id) ?? {};
    if (head) renderHead(head, cell);
    if (status) renderStatus(status, cell);
  }
  for (const listener of listeners) listener(message.cells);
  applyOpen();
}

/** Close whatever is open: something else is to stand in its place. */
export function closeCells() {
  for (const id of parts.keys()) opened.set(id, false);
  applyOpen();
}

function applyOpen() {
  for (const cell of last?.cells ?? []) {
    const head = parts.get(cell.id)?.head;
    head?.setAttribute("aria-expanded", String(opened.get(cell.id) ?? cell.wants_open));
  }
}

const LABELS = { idle: "not run", stale: "stale", queued: "waiting", running: "running", done: "done", failed: "failed" };

/**
 * @param {HTMLElement} head
 * @param {CellStatus} cell
 */
function renderHead(head, cell) {
  const find = finder(head);
  find("small").textContent = cell.summary;
  const chip = find(".chip");
  chip.className = `chip ${cell.state}`;
  const time = cell.elapsed_secs !== null && cell.state === "done" ? ` · ${seconds(cell.elapsed_secs)}` : "";
  const percent = cell.job && cell.state === "running" ? ` ${Math.round(cell.job.fraction * 100)} %` : "";
  chip.textContent = LABELS[cell.state] + percent + time;
}

/**
 * @param {HTMLElement} node
 * @param {CellStatus} cell
 */
function renderStatus(node, cell) {
  const find = finder(node);
  showProgress(find(".progress"), cell);
  const sentences = [...cell.notes.map((s) => ["", s]), ...cell.warnings.map((s) => ["warn", s])];
  if (cell.error) sentences.unshift(["bad", cell.error]);
  find(".cell-note").replaceChildren(
    ...sentences.map(([kind, sentence]) => {
      const p = document.createElement("p");
      p.className = kind;
      p.textContent = sentence;
      if (kind === "bad") p.setAttribute("role", "alert");
      return p;
    }),
    ...(cell.offer ? [offerOf(cell.offer)] : []),
  );
  showCode(cell.id, cell.code);
  showCurve(node, cell.curve);
}

/** @param {string} label  of the button that takes what the notes offer */
function offerOf(label) {
  const node = button("tool wide", "", () => send("use_splats"));
  node.textContent = label;
  return node;
}

/**
 * How a training went: one line, its last value written at its end.
 * @param {HTMLElement} node
 * @param {Curve | null} curve
 */
function showCurve(node, curve) {
  let figure = node.querySelector(".curve");
  if (!curve || curve.points.length < 2) {
    figure?.remove();
    return;
  }
  if (!figure) {
    figure = document.createElement("figure");
    figure.className = "curve";
    finder(node)(".cell-note").after(figure);
  }
  figure.innerHTML = curveOf(curve);
}

/**
 * A training as a drawing.
 * @param {Curve} curve
 */
export function curveOf(curve) {
  const [w, h, left, right, low] = [420, 110, 34, 52, 16];
  const xs = curve.points.map((point) => point[0]);
  const ys = curve.points.map((point) => point[1]);
  const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const last = { x: xs[xs.length - 1], y: ys[ys.length - 1] };
  /** @param {number} v */
  const x = (v) => left + ((v - xs[0]) / (last.x - xs[0] || 1)) * (w - left - right);
  /** @param {number} v */
  const y = (v) => h - low - ((v - y0) / (y1 - y0 || 1)) * (h - low - 12);
  const line = curve.points.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" ");
  /** @type {(tx: number, ty: number, s: string, anchor: "start" | "end") => string} */
  const text = (tx, ty, s, anchor) => `<text x="${tx}" y="${ty}" text-anchor="${anchor}">${s}</text>`;
  return `<svg viewBox="0 0 ${w} ${h}" role="img" aria-label="${number(ys[0])} to ${number(last.y)} ${curve.unit} over ${number(last.x)} ${curve.along}">
    <path d="M${left} ${h - low}H${w - right}" class="axis"/><polyline points="${line}"/>
    <circle cx="${x(last.x)}" cy="${y(last.y)}" r="3"/>
    ${text(left - 6, y(y1) + 4, number(y1), "end")}${text(left - 6, y(y0) + 1, number(y0), "end")}
    ${text(x(last.x) + 8, y(last.y) + 4, `${number(last.y)} ${curve.unit}`, "start")}
    ${text(w - right, h - 3, `${number(last.x)} ${curve.along}`, "end")}</svg>`;
}

/** @param {number} value */
function number(value) {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

/**
 * A job's bar, sentence and times, with its cancel button; hidden when the cell has none.
 * @param {HTMLElement} progress
 * @param {CellStatus | undefined} cell
 */
export function showProgress(progress, cell) {
  progress.hidden = !cell?.job;
  const find = finder(progress);
  const stop = find("button", HTMLButtonElement);
  if (!cell?.job) {
    stop.disabled = false;
    return;
  }
  const { job } = cell;
  const late = job.expected_secs && job.elapsed_secs > job.expected_secs ? ", longer than expected" : "";
  const left = job.expected_secs && !late ? ` of about ${seconds(job.expected_secs)}` : late;
  const ahead = `${job.position} ${job.position === 1 ? "job" : "jobs"}`;
  find(".what").textContent = job.position > 0 ? `Waiting: ${ahead} before this one` : job.message;
  find(".when").textContent = job.position > 0 ? "" : `${seconds(job.elapsed_secs)}${left}`;
  find(".track i").style.width = `${Math.max(job.fraction * 100, 2)}%`;
  stop.onclick = () => {
    stop.disabled = true;
    send("cancel", { cell: cell.id });
  };
}

/**
 * The Python of a cell, beneath it.
 * @param {string} id
 * @param {string} code
 */
export function showCode(id, code) {
  const node = /** @type {HTMLElement | null} */ (document.querySelector(`[data-code=${id}]`));
  if (!node) return;
  node.hidden = !code;
  finder(node)("pre").textContent = code;
}

/** @param {number} value */
export function seconds(value) {
  if (value >= 100) return `${Math.round(value / 60)} min`;
  return value >= 10 ? `${Math.round(value)} s` : `${value.toFixed(1)} s`;
}
