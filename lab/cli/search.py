"""`liftlab search`: find objects by words, and write the masks of the best."""

import time
from typing import Any

from liftlab.cli.commands import Search
from liftlab.cli.support import expected_secs, method_config, opened_lab, say, working


def run(command: Search) -> dict[str, Any]:
    """Objects that fit the text, best first, with masks in every photo."""
    from liftlab.export.outputs import output_folder
    from liftlab.pipelines.base import get_method
    from liftlab.search.words import checked_search_text, write_search

    started = time.monotonic()
    text = checked_search_text(command.text)
    config = method_config(get_method(command.method), command.set) if command.set else None
    with (
        opened_lab(command) as lab,
        output_folder(command.out.expanduser(), workspace=lab.workspace) as folder,
    ):
        expected = expected_secs(lab, command.name, ("masks", "prepare"))
        with working("Searching", expected) as (progress, cancel):
            lookup = lab.word_lookup(
                command.name, command.method, config, encoder=command.encoder, progress=progress.report,
                cancel=cancel,
            )  # fmt: skip
            scene = lab.reconstruct(command.name)
            lookup, result = lookup.answered(scene, text)
            record = write_search(
                scene, lookup, result, folder, scene_name=command.name,
                method=command.method, limit=command.limit, wall_secs=round(time.monotonic() - started, 3),
            )  # fmt: skip
            progress.done(f"{len(record.results)} objects written to {command.out}")
        guesses = {lookup.title(i): [list(guess) for guess in own] for i, own in lookup.guesses.items()}
        if result.message:
            say(result.message)
        return {
            "scene": command.name, "method": command.method, "encoder": command.encoder, "text": text,
            "results": [
                {"object": one.object, "score": one.score, "masks": str(command.out / "masks" / one.object),
                 **({"guesses": guesses[one.object]} if one.object in guesses else {})}
                for one in record.results
            ],
            "used": list(record.used), "unknown": list(record.unknown), "message": result.message,
            "missing": list(record.missing), "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip
