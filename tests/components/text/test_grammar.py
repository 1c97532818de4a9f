"""The grammar: what is read from a text, what is used, and what is said not to be known."""

import pytest

from liftlab.components.text.grammar import parse
from liftlab.components.text.names import answers_to, callable_names
from liftlab.components.text.query import (
    Colour,
    Description,
    Length,
    Named,
    Not,
    Order,
    Place,
    Property,
    Whole,
)
from liftlab.components.text.vocabulary import COLOURS, PROPERTIES, SILENT, SUPERLATIVES
from liftlab.components.text.words import singular

RED, BLUE = Colour(("red",)), Colour(("blue",))
LARGEST = Order("size", True)


def one(*terms, orders=(), **rest) -> Description:
    return Description(tuple(terms), tuple(orders), **rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the large red thing", one(Property("large"), RED)),
        ("red or blue", one(Colour(("red", "blue")))),
        ("red and blue", one(RED, BLUE)),
        ("the red things", one(RED, plural=True)),
        ("two red things", one(RED, count=2, plural=True)),
        ("the red one", one(RED)),
        ("the largest", one(orders=[LARGEST])),
        ("the second largest thing", one(orders=[Order("size", True, 2)])),
        ("the second thing from the left", one(orders=[Order("x", False, 2)])),
        ("the last from the right", one(orders=[Order("x", True, -1)])),
        ("the most red thing", one(orders=[Order("red", True)])),
        ("the least round one", one(orders=[Order("roundness", False)])),
        ("the thing nearest to the red one", one(orders=[Order("distance", False, 1, one(RED))])),
        ("not blue", one(Not(BLUE))),
        ("the non-red thing", one(Not(RED))),
        ("the thing that is not blue", one(Not(BLUE))),
        ("things neither red nor blue", one(Not(RED), Not(BLUE), plural=True)),
        ("red, not round", one(RED, Not(Property("round")))),
        ("the thing on the left", one(Property("left"))),
        ("in the back left corner", one(Property("back"), Property("left"), Property("corner"))),
        ("the blue thing left of the red one", one(BLUE, Place("left_of", (one(RED),)))),
        ("blue to the left of red", one(BLUE, Place("left_of", (one(RED),)))),
        ("not next to the red one", one(Not(Place("next_to", (one(RED),))))),
        ("the thing on the table", one(Place("on", (one(support=True),)))),
        ("between the red and the blue one", one(Place("between", (one(RED), one(BLUE))))),
        ("between the two red ones", one(Place("between", (one(RED, count=2, plural=True),) * 2))),
    ],
)  # fmt: skip
def test_what_a_text_says(text: str, expected: Description) -> None:
    assert parse(text).wanted == expected
    assert parse(text).unknown == ()


BALL = Property("ball_like")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("anything but red", (Not(RED),)),
        ("all but the red one", (Not(RED),)),
        ("everything but red", (Not(RED),)),
        ("everything but the red ball", (Not(Whole(one(RED, BALL))),)),
        ("all red things but the ball", (RED, Not(BALL))),
        ("other than red", (Not(RED),)),
        ("something other than the red or the blue one", (Not(Colour(("red", "blue"))),)),
        ("everything apart from red and blue", (Not(RED), Not(BLUE))),
        ("all things except for the largest", (Not(Whole(one(orders=[LARGEST]))),)),
        ("anything except red, blue", (Not(RED), Not(BLUE))),
        ("things excluding the red ball", (Not(Whole(one(RED, BALL))),)),
        ("any thing aside from the one left of the ball", (Not(Place("left_of", (one(BALL),))),)),
        ("red but small", (RED, Property("small"))),
        ("red but not small", (RED, Not(Property("small")))),
        ("everything but not red", (Not(RED),)),
    ],
)
def test_what_is_excluded(text: str, terms: tuple) -> None:
    query = parse(text)
    assert query.wanted.terms == terms and query.unknown == () and query.others == ()
    if any(isinstance(term, Not) for term in terms):
        assert "not" in query.used


def test_what_is_not_known_is_not_excluded_and_said() -> None:
    query = parse("everything but the teapot")
    assert query.wanted.empty and query.used == () and query.unknown == ("teapot",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("red ball, yellow ring", [one(RED, BALL), one(Colour(("yellow",)), Property("ring_like"))]),
        ("the red ball; the blue one", [one(RED, BALL), one(BLUE)]),
        ("red; blue", [one(RED), one(BLUE)]),
        ("a red ball, a blue box, and a large thing", [
            one(RED, BALL), one(BLUE, Property("box_like")), one(Property("large")),
        ]),
        ("two red things, not round", [one(RED, Not(Property("round")), count=2, plural=True)]),
        ("red, blue", [one(RED, BLUE)]),
        ("large, red ball", [one(Property("large"), RED, BALL)]),
        ("the red thing, left of the blue one", [one(RED, Place("left_of", (one(BLUE),)))]),
        ("the red ball,", [one(RED, BALL)]),
        ("; red ball", [one(RED, BALL)]),
    ],
)  # fmt: skip
def test_full_noun_phrases_side_by_side_are_looked_for_each(text: str, wanted: list[Description]) -> None:
    query = parse(text)
    assert [query.wanted, *query.others] == wanted and query.unknown == ()


def test_names_are_noun_phrases() -> None:
    query = parse("mug, red box", names=["mug", "red box"])
    assert [query.wanted, *query.others] == [one(Named("mug")), one(Named("red box"))]
    assert query.used == ("mug", "red box")


def test_a_number_alone_asks_for_that_many() -> None:
    query = parse("three things")
    assert query.number == 3 and query.wanted.asks and query.used == ("three",) and query.sentence == ""
    assert not parse("things").wanted.asks


def test_relations_nest_to_the_right_and_and_leads_back() -> None:
    nested = parse("the largest red thing next to the blue one behind the yellow ring").wanted
    ring = one(Colour(("yellow",)), Property("ring_like"))
    assert nested == one(RED, Place("next_to", (one(BLUE, Place("behind", (ring,))),)), orders=[LARGEST])
    both = parse("the thing left of the red one and behind the blue one").wanted
    assert both == one(Place("left_of", (one(RED),)), Place("behind", (one(BLUE),)))


def test_unknown_words_are_reported_and_change_nothing() -> None:
    query = parse("the red teapot on the left")
    assert query.wanted == parse("the red thing on the left").wanted
    assert query.unknown == ("teapot",)
    assert (
        query.sentence
        == "I don't know 'teapot' without a name you give, guessed names or a text model; used: red, left."
    )


def test_a_relation_to_something_unknown_keeps_its_side() -> None:
    query = parse("the red thing left of the teapot")
    assert query.wanted == one(RED, Property("left"))
    assert (query.used, query.unknown) == (("red", "left"), ("teapot",))
    assert parse("the red thing next to the teapot").wanted == one(RED)


@pytest.mark.parametrize("text", ["", "  ,, ", "flurbish wug", "the", "?!", "'"])
def test_nothing_understood_uses_nothing(text: str) -> None:
    query = parse(text)
    assert query.wanted.empty and query.used == ()
    assert query.unknown == tuple(word for word in ("flurbish", "wug") if word in text)
    assert query.sentence


def test_names_win_over_every_other_meaning() -> None:
    query = parse("the mug left of the red box", names=["mug", "red box"])
    assert query.wanted == one(Named("mug"), Place("left_of", (one(Named("red box")),)))
    assert parse("two mugs", names=["mug"]).wanted.terms == (Named("mug"),)
    assert parse("mug").unknown == ("mug",)


@pytest.mark.parametrize(
    ("text", "photo"),
    [("left in photo 005", "005"), ("left in the second photo", "#2"), ("the left thing", None)],
)
def test_a_photo_can_be_named(text: str, photo: str | None) -> None:
    query = parse(text)
    assert query.photo == photo
    assert query.wanted.terms == (Property("left"),)
    assert query.unknown == ()


def test_every_known_word_is_known_alone_and_used() -> None:
    words = [w for table in (COLOURS, PROPERTIES) for group in table.values() for w in group]
    for word in [*words, *SUPERLATIVES]:
        query = parse(word)
        assert query.used == (word,), word
        assert not query.wanted.empty


def test_silent_words_are_neither_used_nor_unknown() -> None:
    for word in SILENT:
        assert (parse(word).used, parse(word).unknown) == ((), ()), word


def test_long_texts_end() -> None:
    query = parse("red left of " * 1000 + "teapot")
    assert "teapot" in query.unknown


@pytest.mark.parametrize(
    ("plural", "word"), [("boxes", "box"), ("rings", "ring"), ("glass", "glass"), ("red", "red"), ("bus", "bus")]
)  # fmt: skip
def test_plurals(plural: str, word: str) -> None:
    assert singular(plural) == word


def test_a_word_means_one_thing() -> None:
    tables = [
        [w for group in COLOURS.values() for w in group],
        [w for group in PROPERTIES.values() for w in group],
        list(SUPERLATIVES),
        list(SILENT),
    ]
    words = [word for table in tables for word in table]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("things shorter than 10 cm", Length("height", "below", 0.1)),
        ("taller than 7.5cm", Length("height", "above", 0.075)),
        ("something at most 2 inches wide", Length("length", "below", 0.0508)),
        ("the thing that is more than 1 m long", Length("longest", "above", 1.0)),
        ("10 cm tall", Length("height", "near", 0.1)),
        ("about 300 mm", Length("longest", "near", 0.3)),
        ("a box under 4 cm", Length("longest", "below", 0.04)),
    ],
)
def test_real_lengths_are_read(text: str, length: Length) -> None:
    query = parse(text)
    assert pytest.approx(length.metres) == next(t for t in query.wanted.terms if isinstance(t, Length)).metres
    (found,) = (t for t in query.wanted.terms if isinstance(t, Length))
    assert (found.measure, found.bound) == (length.measure, length.bound)
    assert query.unknown == ()


def test_lengths_can_be_denied() -> None:
    (term,) = parse("not taller than 10 cm").wanted.terms
    assert term == Not(Length("height", "above", 0.1))


def test_lengths_without_a_scale_are_said_to_be_left_out() -> None:
    query = parse("the red thing shorter than 10 cm", scaled=False)
    assert (query.unscaled, query.unknown) == (("shorter than 10 cm",), ())
    assert query.sentence == (
        "'shorter than 10 cm' left out: the scene has no scale until you measure a known distance in it; used: red."
    )


@pytest.mark.parametrize(
    "text", ["2 in the back", "shorter than the red thing", "3 red things", "under the table"]
)
def test_what_is_no_length_is_read_as_before(text: str) -> None:
    query = parse(text)
    assert not any(isinstance(term, Length) for term in query.wanted.terms) and query.unscaled == ()


def test_names_match_in_parts_and_near_spellings_are_suggested() -> None:
    assert answers_to("big purple mug 2") == {"big purple mug 2", "big purple mug", "purple mug", "mug"}
    assert "left" not in answers_to("box left") and "box" not in answers_to("yellow box"), (
        "what they mean anyway stays"
    )
    query = parse("the puprle kettel left of the mug", names=callable_names(["tea kettle", "purple mug"]))
    assert dict(query.near) == {"puprle": "purple", "kettel": "kettle"}
    assert "'puprle' (did you mean 'purple'?)" in query.sentence
    assert parse("zzyzx").near == () and parse("red mug", names=["mug"]).near == ()
