"""The Search cell in a real browser: a question, its answer, and the found object among the selected ones."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import BLUE, act, click_photo

ADD = re.compile("^Add ")
"""Followed by the object's name: names stay with a scene, and other tests give some."""


def test_words_find_an_object_and_take_it_into_the_selection(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Find by words")
    assert "colours, sizes" in page.locator(".find-note").inner_text(), "it says what reads the words"
    box.fill("the red teapot")
    box.press("Enter")
    page.wait_for_selector(".find figure", timeout=60_000)
    said = page.locator(".find-said").inner_text()
    assert said == "I don't know 'teapot' without a name you give, guessed names or a text model; used: red."
    assert page.locator(".find-heat").evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    box.fill("something green")
    page.get_by_role("button", name="Find also").click()
    expect(page.locator(".find-asks article")).to_have_count(2, timeout=60_000)
    page.locator(".find-asks article").nth(1).locator("figure").first.get_by_role("button", name=ADD).click()
    objects = page.get_by_role("list", name="Objects").get_by_role("listitem")
    expect(objects).to_have_count(1, timeout=60_000)
    expect(objects.first).to_contain_text("something green", timeout=30_000)
    page.get_by_role("button", name="Drop “the red teapot”").click()
    expect(page.locator(".find-asks article")).to_have_count(1)


def test_the_threshold_the_history_and_a_given_name(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Find by words")
    box.fill("small, not red")
    box.press("Enter")
    article = page.locator(".find-asks article")
    expect(article).to_have_count(1, timeout=60_000)
    slider = page.get_by_label("Smallest share of the best score")
    for share, compare in (("0", int.__ge__), ("1", int.__le__)):
        before = page.locator(".find figure").count()
        slider.evaluate("(s, v) => { s.value = v; s.dispatchEvent(new Event('change')); }", share)
        expect(article.locator(".find-cut small")).to_have_text(f"from {int(share) * 100} % of the best")
        assert compare(page.locator(".find figure").count(), before)
    assert page.locator("#find-history option").evaluate_all("all => all.map(o => o.value)") == [
        "small, not red"
    ]
    page.locator(".find figure").first.get_by_role("button", name=ADD).click()
    objects = page.get_by_role("list", name="Objects").get_by_role("listitem")
    expect(objects).to_have_count(1, timeout=60_000)
    objects.first.get_by_role("button", name="Rename").click()
    page.get_by_label("New name of").fill("my kettle")
    page.keyboard.press("Enter")
    expect(objects.first).to_contain_text("my kettle")
    box.fill("the kettle")
    box.press("Enter")
    expect(page.locator(".find figcaption span")).to_have_text(["my kettle"])
    box.fill("the kettel")
    box.press("Enter")
    expect(page.locator(".find-said")).to_contain_text("'kettel' (did you mean 'kettle'?)")
    box.fill("my kettle")
    box.press("Enter")
    expect(page.locator(".find figcaption span")).to_have_text(["my kettle"])
    page.get_by_role("button", name="Heat in 3D").click()
    expect(page.get_by_label("Colours", exact=True)).to_have_value("heat")
    expect(page.get_by_role("button", name="Heat in 3D")).to_have_attribute("aria-pressed", "true")
    box.fill("the kettle")  # leave nothing behind for other tests of this server
    objects.first.get_by_role("button", name="Delete").click()
    expect(objects).to_have_count(0)


def test_a_name_is_everybodys_in_parts_and_by_meaning(open_page: OpenPage) -> None:
    first, second = open_page(), open_page()
    expect(first.locator(".find-note")).to_contain_text("names given on this scene (everybody shares them)")
    expect(first.locator(".find-note")).to_contain_text("Other words need a name, guesses or a model.")
    click_photo(first, BLUE)
    first.get_by_role("button", name="Rename object 1").click()
    name = first.get_by_label("New name of object 1")
    act(first, lambda: (name.fill("purple sofa"), first.keyboard.press("Enter")))
    box, hits = second.get_by_label("Find by words"), second.locator(".find figcaption span")
    box.fill("sofa")
    box.press("Enter")
    expect(hits).to_have_text(["purple sofa"], timeout=60_000)
    second.get_by_label("What reads the words").select_option("words")
    expect(hits).to_have_text(["purple sofa"], timeout=120_000)
    box.fill("couch")
    box.press("Enter")
    expect(second.locator(".find-asks b")).to_have_text(["couch"], timeout=60_000)
    expect(hits.first).to_have_text("purple sofa")
    act(first, lambda: first.get_by_role("button", name="Delete purple sofa").click())  # for other tests


def test_words_that_nobody_measured_lead_on_to_guesses(open_page: OpenPage) -> None:
    page = open_page()
    word = "locomotive"  # far from the mugs and kettles of other tests: given names stay with the scene
    page.get_by_label("Find by words").fill(word)
    page.keyboard.press("Enter")
    expect(page.locator(".find-said")).to_contain_text(f"I don't know '{word}'", timeout=60_000)
    expect(page.locator(".find-photo")).to_be_hidden()
    expect(page.locator(".find-cut")).to_have_count(0)
    page.screenshot(path=artifact("unknown-words.png"))
    page.get_by_role("button", name="Ask guessed names, too").click()
    reads = page.get_by_label("What reads the words")
    expect(reads).to_have_value("words")
    expect(page.locator(".find-said")).to_contain_text(
        f"Nothing is named or guessed to be '{word}'", timeout=120_000
    )
    page.reload()
    expect(page.locator(".find-asks b")).to_have_text([word], timeout=60_000)
    expect(reads).to_have_value("words")  # who read what is shown


def test_measuring_and_the_scale(open_page: OpenPage) -> None:
    page = open_page()
    page.get_by_role("radio", name="Measure").click()
    photo = page.locator(".photo-image")
    photo.scroll_into_view_if_needed()
    place = photo.bounding_box()
    assert place is not None
    said = page.locator(".ruler output")
    for share, sentence in ((0.35, "second place"), (0.6, "scene units")):
        page.mouse.click(place["x"] + share * place["width"], place["y"] + 0.5 * place["height"])
        expect(said).to_contain_text(sentence)
    page.get_by_label("Real distance").fill("12.5")
    page.get_by_role("button", name="Set scale").click()
    expect(said).to_have_text("12.5 cm")
    expect(page.locator(".rule-label")).to_have_text("12.5 cm")
    page.get_by_role("button", name="Forget scale").click()
    expect(said).to_contain_text("scene units")
    page.get_by_role("radio", name="Add").click()
    expect(page.locator(".rule-label")).to_have_count(0)
