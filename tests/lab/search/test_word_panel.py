"""The Search cell without a browser: questions, threshold, pictures, and objects taken into the selection."""

import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.pictures.palette import rgb
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from liftlab.search import words
from liftlab.search.heat import HeatSource, heat_of_view
from liftlab.search.panel import QUERIES_MAX, WordPanel, add_to_session
from liftlab.search.words import WordLookup
from liftlab.session.objects import MethodChoice
from liftlab.session.session import Session
from liftlab.view3d.frame import scene_colours
from tests.answered import current_of
from tests.not_none import not_none
from tests.toy import Toy
from tests.toy_workspace import NAME


@pytest.fixture
def panel(lab: Lab) -> WordPanel:
    session = Session(lab)
    session.open(NAME)
    return WordPanel(lab, session)


def best_id(panel: WordPanel, place: int = 0) -> int:
    return panel.state().asks[place].found[0].id


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_question_is_answered_with_what_was_read_and_what_was_not(panel: WordPanel, toy: Toy) -> None:
    panel.ask("the red teapot", "attributes")
    (ask,) = panel.state().asks
    assert (ask.used, ask.unknown) == (["red"], ["teapot"])
    assert (
        ask.message
        == "I don't know 'teapot' without a name you give, guessed names or a text model; used: red."
    )
    assert sum(ask.histogram) >= ask.count >= 1
    assert best_id(panel) == 1
    assert panel.state().encoder == "attributes"


def test_several_questions_have_their_own_colours_and_the_oldest_goes(panel: WordPanel) -> None:
    words = ["red", "blue", "green", "large", "small"]
    for word in words:
        panel.ask(word, "attributes", beside=True)
    asks = panel.state().asks
    assert [ask.text for ask in asks] == words[-QUERIES_MAX:]
    assert len({ask.colour for ask in asks}) == QUERIES_MAX
    assert panel.state().history == words[::-1]
    panel.ask("red", "attributes")
    assert [ask.text for ask in panel.state().asks] == ["red"]
    panel.forget(0)
    assert panel.state().asks == []


def test_the_threshold_only_narrows(panel: WordPanel) -> None:
    panel.ask("small", "attributes")
    counts = []
    for threshold in (0.0, 0.3, 0.6, 1.0):
        panel.threshold = threshold
        counts.append(panel.state().asks[0].count)
    assert counts == sorted(counts, reverse=True) and counts[-1] >= 1


def test_pictures_show_what_was_found(panel: WordPanel, toy: Toy) -> None:
    assert panel.heat("000.png", 160) is None, "nothing was asked yet"
    panel.ask("the blue thing", "attributes")
    panel.threshold = 1.0
    heat = np.asarray(Image.open(io.BytesIO(not_none(panel.heat("000.png", 160)))).convert("RGBA"))
    lit = heat[..., 3] > 0
    assert lit[toy.instance[0] == 2].mean() > 0.9 and lit[toy.instance[0] == 1].mean() < 0.1
    thumb = Image.open(io.BytesIO(not_none(panel.thumb(best_id(panel)))))
    assert thumb.size[0] == thumb.size[1]
    assert panel.thumb(999) is None and panel.heat("nowhere.png", 160) is None


def test_heat_lies_on_what_fits_in_3d_too(panel: WordPanel, toy: Toy) -> None:
    colours = scene_colours(panel.session.need_scene())
    assert panel.heat_in_3d(colours) is None, "nothing was asked yet"
    panel.ask("the blue thing", "attributes")
    panel.ask("the green thing", "attributes", beside=True)
    panel.threshold = 1.0
    lit = not_none(panel.heat_in_3d(colours)).astype(int)
    grey = (lit.max(axis=1) == lit.min(axis=1)) | (np.ptp(lit, axis=1) <= 1)
    box = toy.instance[toy.scene.pointmap.valid]
    assert grey[(box != 2) & (box != 3)].mean() > 0.97
    for number, ask in ((2, 0), (3, 1)):
        wanted = np.array(rgb(panel.state().asks[ask].colour))
        hue = lit[box == number].mean(axis=0)
        assert np.corrcoef(hue, wanted)[0, 1] > 0.95, "each question in its colour"


def test_better_fits_are_hotter(panel: WordPanel) -> None:
    panel.ask("small", "attributes")
    panel.threshold = 0.0
    index = not_none(panel._here.lookup).index
    found = panel.asks[0].result.found
    hots = [HeatSource(f.object_id, f.score / found[0].score, (255, 0, 0)) for f in found]
    heat = heat_of_view(index, hots, 0)
    for hot in hots:
        inside = index.mask(0, hot.object_id)
        assert (heat.strength[inside] >= 0.3 + 0.7 * hot.share - 1e-6).all(), (
            "never less than the object deserves"
        )
    assert heat.strength.max() <= 1


@pytest.mark.parametrize("box", [1, 2, 3])
def test_a_found_object_becomes_one_of_the_session(panel: WordPanel, toy: Toy, box: int) -> None:
    word = {1: "red", 2: "blue", 3: "green"}[box]
    panel.ask(f"the {word} thing", "attributes")
    panel.add(best_id(panel))
    state = panel.session.current
    assert state is not None and state.name == f"the {word} thing"
    for view in range(len(toy.instance)):
        assert iou(state.masks[view], toy.instance[view] == box) > 0.95
    panel.add(best_id(panel))
    assert current_of(panel.session).name == f"the {word} thing 2", "names stay apart"
    panel.session.undo()


def test_names_people_gave_are_found(panel: WordPanel) -> None:
    panel.ask("blue", "attributes")
    panel.add(best_id(panel))
    panel.session.rename_object(current_of(panel.session).id, "teapot")
    panel.ask("the teapot", "attributes")
    (ask,) = panel.state().asks
    assert (ask.used, ask.unknown) == (["teapot"], [])
    assert ask.found[0].title == "teapot" and ask.count == 1


def test_a_guess_is_a_suggestion_until_somebody_accepts_it(panel: WordPanel, monkeypatch) -> None:
    guesses = {1: (("mug", 0.42), ("bowl", 0.2)), 2: (("bowl", 0.3),)}
    monkeypatch.setattr(words, "_guesses", lambda _, __, index, **___: (index, guesses))
    panel.ask("cup", "words")
    (ask,) = panel.state().asks
    best = next(found for found in ask.found if found.id == 1)
    assert "guess" in ask.message and best.title == "object 1"
    assert [(guess.name, guess.score) for guess in best.guesses] == [("mug", 0.42), ("bowl", 0.2)]
    assert not panel.session.objects, "nothing is named by a guess"
    with pytest.raises(InputError, match="not among what this object was guessed"):
        panel.add(1, accepted="teapot")
    panel.add(1, accepted="mug")
    assert current_of(panel.session).name == "mug"
    (ask,) = panel.state().asks
    named = next(found for found in ask.found if found.id == 1)
    assert named.title == "mug" and named.guesses == [] and "guess" not in ask.message
    panel.ask("mug", "attributes")
    assert panel.state().asks[0].found[0].title == "mug", "a name that a person gave, for every encoder"
    panel.session.delete_object(current_of(panel.session).id)
    panel.ask("cup", "words")
    assert panel.state().asks[0].found[0].guesses, "no name any more, only a guess again"


def test_what_a_method_offers_counts_and_not_its_name(panel: WordPanel) -> None:
    panel.ask("the red thing", "attributes")
    session, other = panel.session, MethodChoice("a_lookup_of_another_package")
    session.answerer._methods[other.key] = session.answerer.method(session.choice)
    session.book.choose(other)
    add_to_session(panel.session, not_none(panel._here.lookup), best_id(panel), "red")
    assert panel.session.current is not None and panel.session.current.granularity is not None


def test_what_cannot_be_searched_is_said(panel: WordPanel, lab: Lab, monkeypatch, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Say what to look for"):
        panel.ask("   ", "attributes")
    with pytest.raises(InputError, match="No scene is open"):
        WordPanel(lab, Session(lab)).ask("red", "attributes")
    monkeypatch.setenv("LIFTLAB_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", tmp_path / "none")
    with pytest.raises(InputError, match="liftlab models get"):
        panel.ask("red", "open_clip")
    panel.ask("red", "attributes")
    with pytest.raises(InputError, match="search again"):
        panel.add(999)


def asked(client: httpx.Client, text: str) -> dict:
    """The answer, once the browser's scene is open: that happens beside its first request."""
    for _ in range(60):
        answer = client.post("/lab/search/ask", json={"text": text}).json()
        if answer["asks"]:
            break
        time.sleep(0.5)
    return answer


def test_the_routes_answer_and_refuse(page_server) -> None:
    with httpx.Client(base_url=page_server.origin, cookies=page_server.cookies(), timeout=60) as client:
        client.get("/")
        assert client.get("/lab/search").json()["asks"] == []
        found = asked(client, "the green wug")
        assert found["asks"][0]["unknown"] == ["wug"] and found["note"] == ""
        best = found["asks"][0]["found"][0]["id"]
        assert client.get(f"/lab/search/thumb/{best}").headers["content-type"] == "image/jpeg"
        assert client.get("/lab/search/heat/000.png?w=80").headers["content-type"] == "image/png"
        assert client.post("/lab/search/add", json={"object_id": best}).json()["note"] == ""
        cut = client.post("/lab/search/show", json={"threshold": 7.0}).json()
        assert cut["threshold"] == 1.0
        assert client.post("/lab/search/show", json={"forget": -1}).json()["asks"] == []
        assert "Say what to look for" in client.post("/lab/search/ask", json={"text": " "}).json()["note"]
        for wrong in ({}, {"text": 3}, {"text": "red", "encoder": "magic"}):
            assert client.post("/lab/search/ask", json=wrong).status_code == 422
        assert client.get("/lab/search/thumb/999").status_code == 404
        foreign = client.post("/lab/search/ask", json={"text": "red"}, headers={"origin": "http://evil"})
        assert foreign.status_code == 403
    assert httpx.post(page_server.origin + "/lab/search/ask", json={"text": "red"}).status_code in (401, 403)


def test_results_belong_to_their_scene_and_wait_there(
    panel: WordPanel, lab: Lab, counted_steps: dict[str, int]
) -> None:
    panel.ask("red", "attributes")
    found = best_id(panel)
    lab.workspace.write_scene_entry(replace(lab.entry(NAME), name="copy"))
    shift_scene(panel.session, lab)
    assert panel.state().asks == [] and panel.state().history == ["red"]
    assert panel.thumb(found) is None and panel.heat("000.png", 160) is None
    with pytest.raises(InputError, match="not of the open scene; search again"):
        panel.add(found)
    assert panel.session.objects == []
    panel.session.open(NAME)
    assert best_id(panel) == found and panel.thumb(found) is not None
    panel.add(found)
    assert current_of(panel.session).name == "red"


def test_a_result_is_added_whatever_answers_the_current_object(panel: WordPanel) -> None:
    panel.ask("red", "attributes")
    panel.session.set_method("gaga")  # which is not prepared
    panel.add(best_id(panel))
    assert current_of(panel.session).method == "wildseg3d" and np.any(current_of(panel.session).masks)


def shift_scene(session: Session, lab: Lab) -> None:
    """Open another scene, of another key."""
    lab.reconstruct("copy", ReconstructConfig(max_side=320))
    lab.prepare("copy", "wildseg3d")
    session.open("copy")


def test_a_slow_answer_does_not_replace_that_to_a_later_question(panel: WordPanel) -> None:
    find, started, go_on = panel._need_lookup, threading.Event(), threading.Event()

    def slow_the_first_time(encoder: str) -> WordLookup:
        if not started.is_set():
            started.set()
            assert go_on.wait(60)
        return find(encoder)

    panel._need_lookup = slow_the_first_time  # type: ignore[method-assign]
    for beside in (False, True):
        started.clear()
        go_on.clear()
        first = threading.Thread(
            target=panel.ask, args=("something red", "attributes"), kwargs={"beside": beside}
        )
        first.start()
        assert started.wait(60)
        panel.ask("something green", "attributes")
        go_on.set()
        first.join()
        assert [ask.text for ask in panel.asks] == ["something green"]
