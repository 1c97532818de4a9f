"""Cell 6: models with weights; which are here, what each step uses, and how to bring and use one."""

import os
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from liftlab.cli.models import kept_sentence, model_statuses
from liftlab.components.errors import InputError
from liftlab.components.models import ModelEntry, ModelStatus, ModelStore, download
from liftlab.components.models.kept_files import clear_kept
from liftlab.components.models.states import size_text
from liftlab.components.progress import CancelToken, Progress
from liftlab.engine.jobs import JobQueue
from liftlab.engine.model_choices import choices_of
from liftlab.page.cells.frame import cell
from liftlab.page.cells.status import CellStatus, with_job
from liftlab.page.visiting import visitor_of
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.trackers import TRACKERS

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitor import Visitor
    from liftlab.web.visitors import Visitors

ID = "models"
OPENED = """
const observeHead = () => {
  const head = document.querySelector('[data-cell-head=models]');
  if (!head) return requestAnimationFrame(observeHead);
  let open = false;
  new MutationObserver(() => {
    const now = head.getAttribute('aria-expanded') === 'true';
    if (now && !open) trigger('click', {});
    open = now;
  }).observe(head, {attributes: true, attributeFilter: ['aria-expanded']});
};
observeHead();
"""
"""Tells the server that somebody opened the cell, so that its tables are those of the scene that is open now."""


def build(lab: "Lab", visitors: "Visitors", page: gr.Blocks) -> None:
    """Lay out the cell and wire its buttons. Nothing asks the network until a button does."""
    downloads = JobQueue()  # a queue of its own: a long download holds up nothing else
    with cell(ID, 6, "Models"):
        opened = gr.HTML(value="", html_template="", js_on_load=OPENED, apply_default_css=False)
        steps = gr.HTML(apply_default_css=False)
        table = gr.HTML(apply_default_css=False)
        with gr.Row():
            wanted = gr.Dropdown(["sam2.1-tiny"], value="sam2.1-tiny", label="Model", scale=3)
            accepted = gr.Checkbox(label="I accept its licence", value=False, scale=2)
            bring = gr.Button("Download", variant="primary", scale=1, min_width=120)
            look = gr.Button("Check downloads", scale=1, min_width=160)
        with gr.Row():
            kept = gr.HTML(apply_default_css=False)
            clear = gr.Button("Clear kept results", scale=0, min_width=200)
        with gr.Row():
            finder = gr.Radio(finders(), value=finders()[0][1], label="Find objects with", scale=4)
            sam2 = gr.Dropdown(["sam2.1-tiny"], value="sam2.1-tiny", label="SAM 2.1", scale=2)
            find = gr.Button("Find objects", scale=1, min_width=140)

    def tables(visitor: "Visitor", *, ask_network: bool) -> tuple[str, str]:
        statuses = model_statuses(ModelStore.open(os.environ), ask_network=ask_network)
        return steps_table(visitor), models_table(statuses)

    def show(request: gr.Request) -> Any:
        visitor = visitor_of(visitors, request)
        try:
            names = [entry.name for entry in ModelStore.open(os.environ).entries]
        except InputError:  # the cell's status says why
            return (gr.skip(),) * 6
        masks = [name for name in names if name.startswith("sam2")]
        return (
            *tables(visitor, ask_network=False),
            gr.update(choices=names),
            gr.update(choices=masks),
            gr.update(value=finder_of(visitor)),
            _with_code(kept_sentence(ModelStore.open(os.environ))),
        )

    def ask(request: gr.Request) -> Any:
        return tables(visitor_of(visitors, request), ask_network=True)

    def fetch(name: str, licence: bool, request: gr.Request) -> None:
        start_download(visitor_of(visitors, request), downloads, name, licence)

    def forget() -> str:
        store = ModelStore.open(os.environ)
        gone = clear_kept(store.kept_folder)
        return f"{gone / 1e6:.0f} MB removed. {_with_code(kept_sentence(store))}"

    def run(kind: str, model: str, request: gr.Request) -> None:
        start_masks(visitor_of(visitors, request), kind, model)

    for event in (page.load, opened.click):
        event(show, None, [steps, table, wanted, sam2, finder, kept], show_progress="hidden")
    clear.click(forget, None, kept, show_progress="hidden")
    look.click(ask, None, [steps, table], show_progress="minimal")
    bring.click(fetch, [wanted, accepted], None, show_progress="hidden")
    find.click(run, [finder, sam2], None, show_progress="hidden")


def start_download(visitor: "Visitor", downloads: JobQueue, name: str, licence: bool) -> None:
    """Bring a model in the background. Raises InputError when it is here or its licence is not accepted."""
    store = ModelStore.open(os.environ)
    entry = store.entry(name)
    if store.find(entry) is not None:
        raise InputError(f"{entry.name} is here already.")
    if not store.accepted(entry):
        if not licence:
            raise InputError(
                f"{entry.name} comes under {entry.licence}, not for commercial use: read {entry.licence_address} and "
                "tick 'I accept its licence'."
            )
        store.accept(entry)

    def work(progress: Progress, cancel: CancelToken) -> str:
        download(entry, store.folders[0], progress=progress, cancel=cancel)
        return entry.name

    def then(_: str) -> None:
        visitor.cells[ID].notes = (f"{entry.name} is here: check the table to see what it needs.",)

    visitor.follow(ID, downloads.submit(f"Downloading {entry.name}", work, owner=visitor.id), then)


def start_masks(visitor: "Visitor", kind: str, model: str) -> None:
    """Queue the search for objects in the visitor's scene by the chosen finder."""
    from liftlab.pipelines.models import Sam2Config
    from liftlab.pipelines.steps.masks import MasksConfig

    lab, name = visitor.lab, visitor.needs_scene_name()
    proposer, following = kind.split()
    sam2 = Sam2Config(model=model) if "sam2" in (proposer, following) else Sam2Config()
    config = MasksConfig(proposer=proposer, following=following, sam2=sam2)

    def work(progress: Progress, cancel: CancelToken) -> str:
        lab.masks(name, config, progress=progress, cancel=cancel)
        return name

    visitor.start(ID, f"Finding objects in '{name}'", work, then=visitor.open)


def status(visitor: "Visitor") -> CellStatus:
    """How many models are here; the network is not asked."""
    try:
        store = ModelStore.open(os.environ)
    except InputError as error:  # a catalogue that cannot be read must not take the other cells down
        return CellStatus(ID, "failed", "The list of models cannot be read", error=str(error))
    here = [entry.name for entry in store.entries if store.find(entry) is not None]
    memory = visitor.cells[ID]
    summary = f"{len(here)} here: {', '.join(here)}" if here else "None here; none needed"
    code = (
        "import os\n\nfrom liftlab.components.models import ModelStore\n\nstore = ModelStore.open(os.environ)\n"
        + ("store.verified(store.entry('sam2.1-tiny'))")
    )
    now = CellStatus(ID, "done" if here else "idle", summary, notes=memory.notes, code=code)
    return with_job(now, visitor.job_of(ID))


def finders() -> list[tuple[str, str]]:
    """Who can find objects: what people read, and "PROPOSER TRACKER" of every pair of them that fits."""
    return [
        (
            f"{proposer.label[:1].upper()}{proposer.label[1:]}; {tracker.label}",
            f"{proposer.name} {tracker.name}",
        )
        for proposer in PROPOSERS.records()
        for tracker in TRACKERS.records()
        if tracker.proposer in (None, proposer.name)
    ]


def finder_of(visitor: "Visitor") -> str:
    """Which of `finders` found the objects of the open scene."""
    lab, name = visitor.lab, visitor.scene_name
    made = lab.step_records(name) if name is not None and name in lab.scenes() else {}
    config = made.get("masks", {}).get("config", {})
    return f"{config.get('proposer', 'regions')} {config.get('following', 'geometry')}"


def steps_table(visitor: "Visitor") -> str:
    """What every step uses, as a table."""
    rows = "".join(
        f"<tr><th scope=row>{escape(c.step)}</th><td>{escape(c.now)}</td><td>{escape(c.with_weights)}"
        f"<br><code>{escape(c.command)}</code></td></tr>"
        for c in choices_of(visitor.lab, visitor.scene_name)
    )
    return f"<table class=models><thead><tr><th>Step<th>In use<th>With weights</thead><tbody>{rows}</tbody></table>"


def models_table(statuses: list[ModelStatus]) -> str:
    """State, size and licence of every model, and the sentence that says what to do."""
    rows = "".join(_model_row(status.entry, status) for status in statuses)
    return (
        f"<table class=models><thead><tr><th>Model<th>State<th>Licence</thead><tbody>{rows}</tbody></table>"
    )


def _model_row(entry: ModelEntry, status: ModelStatus) -> str:
    bound = ", not for commercial use" if entry.non_commercial else ""
    return (
        f"<tr><th scope=row>{escape(entry.name)}<small>{escape(entry.summary)}</small></th>"
        f"<td><b class='state-{status.state.split()[0]}'>{escape(status.state)}</b> {size_text(entry.megabytes)}"
        f"<small>{_with_code(status.sentence)}</small></td>"
        f"<td>{escape(entry.licence)}{bound}</td></tr>"
    )


def _with_code(sentence: str) -> str:
    """The sentence with its `commands` set as code."""
    pieces = escape(sentence).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
