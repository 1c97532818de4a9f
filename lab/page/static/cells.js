// Cells of the notebook: heads that open and close, progress, sentences and the equivalent Python.

const parts = new Map(); // cell id -> {head, status}
const opened = new Map(); // cell id -> what the person chose; until then the server's wish counts
let last = null;
let send = () => {};
const listeners = [];

export function connect(sendCommand) {
  send = sendCommand;
}

/** Tell the session something that a cell's own controls want. */
export function command(name, fields) {
  send(name, fields);
}

/** Have `listener(cells)` called with every state of the cells, the present one first. */
export function onCells(listener) {
  listeners.push(listener);
  if (last) listener(last.cells);
}

/** Called by the head and by the status part of every cell when Gradio has placed them. */
export function register(element, kind) {
  const node = element.querySelector(`[data-cell-${kind}]`);
  const id = node.dataset[kind === "head" ? "cellHead" : "cellStatus"];
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

function applyOpen() {
  for (const cell of last?.cells ?? []) {
    const head = parts.get(cell.id)?.head;
    head?.setAttribute("aria-expanded", String(opened.get(cell.id) ?? cell.wants_open));
  }
}

const LABELS = { idle: "not run", stale: "stale", queued: "waiting", running: "running", done: "done", failed: "failed" };

function renderHead(head, cell) {
  head.querySelector("small").textContent = cell.summary;
  const chip = head.querySelector(".chip");
  chip.className = `chip ${cell.state}`;
  const time = cell.elapsed_secs !== null && cell.state === "done" ? ` · ${seconds(cell.elapsed_secs)}` : "";
  const percent = cell.job && cell.state === "running" ? ` ${Math.round(cell.job.fraction * 100)} %` : "";
  chip.textContent = LABELS[cell.state] + percent + time;
}

function renderStatus(node, cell) {
  showProgress(node.querySelector(".progress"), cell);
  const sentences = [...cell.notes.map((s) => ["", s]), ...cell.warnings.map((s) => ["warn", s])];
  if (cell.error) sentences.unshift(["bad", cell.error]);
  node.querySelector(".cell-note").replaceChildren(
    ...sentences.map(([kind, sentence]) => {
      const p = document.createElement("p");
      p.className = kind;
      p.textContent = sentence;
      if (kind === "bad") p.setAttribute("role", "alert");
      return p;
    }),
  );
  showCode(cell.id, cell.code);
  showCurve(node, cell.curve);
}

/** How a training went: one line, its last value written at its end. */
function showCurve(node, curve) {
  let figure = node.querySelector(".curve");
  if (!curve || curve.points.length < 2) return figure?.remove();
  if (!figure) {
    figure = document.createElement("figure");
    figure.className = "curve";
    node.querySelector(".cell-note").after(figure);
  }
  figure.innerHTML = curveOf(curve);
}

/** {along, unit, points: [[x, y], ...]} as a drawing. */
export function curveOf(curve) {
  const [w, h, left, right, low] = [420, 110, 34, 52, 16];
  const xs = curve.points.map((point) => point[0]);
  const ys = curve.points.map((point) => point[1]);
  const [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const x = (v) => left + ((v - xs[0]) / (xs.at(-1) - xs[0] || 1)) * (w - left - right);
  const y = (v) => h - low - ((v - y0) / (y1 - y0 || 1)) * (h - low - 12);
  const line = curve.points.map((p) => `${x(p[0]).toFixed(1)},${y(p[1]).toFixed(1)}`).join(" ");
  const text = (tx, ty, s, anchor) => `<text x="${tx}" y="${ty}" text-anchor="${anchor}">${s}</text>`;
  return `<svg viewBox="0 0 ${w} ${h}" role="img" aria-label="${number(ys[0])} to ${number(ys.at(-1))} ${curve.unit} over ${number(xs.at(-1))} ${curve.along}">
    <path d="M${left} ${h - low}H${w - right}" class="axis"/><polyline points="${line}"/>
    <circle cx="${x(xs.at(-1))}" cy="${y(ys.at(-1))}" r="3"/>
    ${text(left - 6, y(y1) + 4, number(y1), "end")}${text(left - 6, y(y0) + 1, number(y0), "end")}
    ${text(x(xs.at(-1)) + 8, y(ys.at(-1)) + 4, `${number(ys.at(-1))} ${curve.unit}`, "start")}
    ${text(w - right, h - 3, `${number(xs.at(-1))} ${curve.along}`, "end")}</svg>`;
}

function number(value) {
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

/** A job's bar, sentence and times, with its cancel button; hidden when the cell has none. */
export function showProgress(progress, cell) {
  progress.hidden = !cell?.job;
  const stop = progress.querySelector("button");
  if (!cell?.job) {
    stop.disabled = false;
    return;
  }
  const { job } = cell;
  const left = job.expected_secs ? `of about ${seconds(job.expected_secs)}` : "";
  const ahead = `${job.position} ${job.position === 1 ? "job" : "jobs"}`;
  progress.querySelector(".what").textContent = job.position > 0 ? `Waiting: ${ahead} before this one` : job.message;
  progress.querySelector(".when").textContent = job.position > 0 ? "" : `${seconds(job.elapsed_secs)} ${left}`;
  progress.querySelector(".track i").style.width = `${Math.max(job.fraction * 100, 2)}%`;
  stop.onclick = () => {
    stop.disabled = true;
    send("cancel", { cell: cell.id });
  };
}

/** The Python of a cell, beneath it. */
export function showCode(id, code) {
  const node = document.querySelector(`[data-code=${id}]`);
  if (!node) return;
  node.hidden = !code;
  node.querySelector("pre").textContent = code;
}

export function seconds(value) {
  if (value >= 100) return `${Math.round(value / 60)} min`;
  return value >= 10 ? `${Math.round(value)} s` : `${value.toFixed(1)} s`;
}
