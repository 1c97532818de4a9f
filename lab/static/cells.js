// Cells of the notebook: heads that open and close, progress, sentences and the equivalent Python.

const parts = new Map(); // cell id -> {head, status}
const opened = new Map(); // cell id -> what the person chose; until then the server's wish counts
let last = null;
let send = () => {};

export function connect(sendCommand) {
  send = sendCommand;
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

function seconds(value) {
  if (value >= 100) return `${Math.round(value / 60)} min`;
  return value >= 10 ? `${Math.round(value)} s` : `${value.toFixed(1)} s`;
}
