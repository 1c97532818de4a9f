"""Queries with known answers, made from a capture's truth by templates.

What is expected follows from the truth's colours, sizes and poses with plain rules and margins; nothing of
`components.text` is used, so that the two cannot agree by construction. Where a query would be ambiguous it is left
out, or every defensible answer is expected.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROUND = {"ball", "apple", "bowl", "tape roll", "mug", "toy mushroom"}
"""Circular from most sides; whether bottles and cans are round is left open, so they are not asked for."""
BOXES = {"box", "book", "gift", "radio"}
NEAR_M = 0.03
"""Things this close are next to each other."""
SIDE_PX = 0.04
"""Left and right need this share of the photo's width between the centres."""
SIDE_M = 0.05
"""Front and behind need this much between the centres, metres."""
MARGIN = 1.12
"""Superlatives accept what comes within this factor of the winner."""
MANY_COLOURED = {"potted plant": "green", "toy house": "brown"}
"""Things whose colour in the truth is that of a small part, and what most of them looks like: a succulent with an
orange stripe round its pot, a wooden house with an orange stripe in its roof. Nobody agrees whether they are orange,
so the colours they show in part are not asked for."""
PER_KIND = 12
"""Queries of one kind and capture at most."""


@dataclass(frozen=True)
class TruthObject:
    """One object of a capture as the truth has it."""

    id: int
    category: str
    colour: str
    size: tuple[float, float, float]
    """Metres, own axes; the third is the height."""
    base: float
    """Height of its underside, metres."""
    center: tuple[float, float]
    """World xy, metres."""
    x: float
    """Centre in the first photo, share of its width."""
    away: float
    """Distance from the first camera along the ground, metres."""
    radius: float
    """Of the circle round its footprint."""
    touching: tuple[int, ...]

    @property
    def shows(self) -> set[str]:
        """Colours that somebody might call it."""
        return {self.colour} | ({MANY_COLOURED[self.category]} if self.category in MANY_COLOURED else set())

    @property
    def volume(self) -> float:
        return float(np.prod(self.size))

    @property
    def top(self) -> float:
        return self.base + self.size[2]

    @property
    def tall(self) -> bool:
        return self.size[2] > 1.5 * max(self.size[:2])

    @property
    def flat(self) -> bool:
        return self.size[2] < 0.45 * min(self.size[:2])


@dataclass(frozen=True)
class TruthQuery:
    """A text and its right answers."""

    kind: str
    text: str
    expected: tuple[int, ...]
    """Truth ids, any of which is right; empty when nothing should be found."""
    unknown: tuple[str, ...] = ()
    """Words that must be reported as unknown."""
    count: int = 1
    """That many best answers must all be right."""


def read_objects(capture: Path, first_photo: str) -> list[TruthObject]:
    """Objects of a capture, with their places as the photo `first_photo` (a stem) sees them."""
    frames = json.loads((capture / "truth/cameras.json").read_text())["frames"]
    frame = next(f for f in frames if Path(f["image"]).stem == first_photo)
    world_to_camera, K = np.array(frame["world_to_camera"]), np.array(frame["K"])
    eye = -world_to_camera[:3, :3].T @ world_to_camera[:3, 3]
    forward = world_to_camera[2, :2] / np.linalg.norm(world_to_camera[2, :2])
    out = []
    for entry in json.loads((capture / "truth/objects.json").read_text())["objects"]:
        size, pose = np.array(entry["size_m"]), np.array(entry["object_to_world"])
        middle = pose[:3, 3] + [0, 0, size[2] / 2]
        in_camera = world_to_camera[:3, :3] @ middle + world_to_camera[:3, 3]
        out.append(
            TruthObject(
                id=int(entry["id"]), category=entry["category"], colour=entry["colour"],
                size=tuple(size.tolist()), base=float(pose[2, 3]), center=(float(pose[0, 3]), float(pose[1, 3])),
                x=float((K @ in_camera)[0] / in_camera[2] / frame["width"]),
                away=float((middle[:2] - eye[:2]) @ forward), radius=float(max(size[:2]) / 2),
                touching=tuple(entry["touching"]),
            )
        )  # fmt: skip
    return out


def make_queries(objects: Sequence[TruthObject], *, seed: int = 0) -> list[TruthQuery]:
    """At most a dozen queries of every kind."""
    rng = np.random.default_rng(seed)
    out: list[TruthQuery] = []
    for kind, make in KINDS.items():
        made = [query_of(kind, parts) for parts in make(objects)]
        unique = list({query.text: query for query in made}.values())
        chosen = rng.permutation(len(unique))[:PER_KIND] if len(unique) > PER_KIND else np.arange(len(unique))
        out += [unique[i] for i in sorted(chosen.tolist())]
    return out


Parts = tuple[str, tuple[int, ...]] | tuple[str, tuple[int, ...], tuple[str, ...], int]
"""Text and right answers, then what else a `TruthQuery` has."""
Made = Iterator[Parts]


def query_of(kind: str, parts: Parts) -> TruthQuery:
    match parts:
        case (text, expected):
            return TruthQuery(kind, text, expected)
        case (text, expected, unknown, count):
            return TruthQuery(kind, text, expected, unknown, count)


def ids(objects: Sequence[TruthObject]) -> tuple[int, ...]:
    return tuple(o.id for o in objects)


def colours(objects: Sequence[TruthObject]) -> list[str]:
    """Colours that can be asked for."""
    doubtful = {colour for o in objects if len(o.shows) > 1 for colour in o.shows}
    return sorted({o.colour for o in objects} - doubtful)


def of_colour(objects: Sequence[TruthObject], colour: str) -> list[TruthObject]:
    return [o for o in objects if o.colour == colour]


def unique_ones(objects: Sequence[TruthObject]) -> list[TruthObject]:
    """Objects that their colour alone points at."""
    clear = colours(objects)
    return [o for o in objects if o.colour in clear and len(of_colour(objects, o.colour)) == 1]


SHAPES: dict[str, Callable[[TruthObject], bool]] = {
    "tall": lambda o: o.tall,
    "flat": lambda o: o.flat,
    "round": lambda o: o.category in ROUND,
    "box-shaped": lambda o: o.category in BOXES,
}


def colour_queries(objects: Sequence[TruthObject]) -> Made:
    for colour in colours(objects):
        for text in ("the {} thing", "{}", "something {}"):
            yield text.format(colour), ids(of_colour(objects, colour))


def colour_shape_queries(objects: Sequence[TruthObject]) -> Made:
    for word, test in SHAPES.items():
        for colour in colours(objects):
            fitting = [o for o in of_colour(objects, colour) if test(o)]
            if fitting:
                yield f"the {word} {colour} thing", ids(fitting)
    for colour in colours(objects):
        same = of_colour(objects, colour)
        for word, pick in (("large", max), ("small", min)):
            best = pick(same, key=lambda o: o.volume)
            if len(same) == 1 or all(
                max(o.volume, best.volume) > 1.5 * min(o.volume, best.volume) for o in same if o is not best
            ):
                yield f"the {word} {colour} thing", (best.id,)


def shape_queries(objects: Sequence[TruthObject]) -> Made:
    for word, test in SHAPES.items():
        fitting = [o for o in objects if test(o)]
        if word == "tall":  # the tallest things are tall too, whatever their width
            fitting += [
                o for o in objects if o not in fitting and o.size[2] > 0.9 * max(p.size[2] for p in objects)
            ]
        if fitting:
            yield f"the {word} thing", ids(fitting)
            yield f"something {word}", ids(fitting)


def size_queries(objects: Sequence[TruthObject]) -> Made:
    ordered = sorted(objects, key=lambda o: o.volume)
    third = max(len(ordered) // 3, 1)
    least, most = ordered[third - 1].volume * MARGIN**3, ordered[-third].volume / MARGIN**3
    for word in ("small", "little", "tiny"):
        yield f"a {word} thing", ids([o for o in ordered if o.volume <= least])
    for word in ("large", "big", "huge"):
        yield f"a {word} thing", ids([o for o in ordered if o.volume >= most])


def position_queries(objects: Sequence[TruthObject]) -> Made:
    across, deep = sorted(objects, key=lambda o: o.x), sorted(objects, key=lambda o: o.away)
    quarter = max(len(objects) // 4, 1)
    for text, chosen in (
        ("the thing on the left", across[:quarter]), ("the thing on the right", across[-quarter:]),
        ("the left thing", across[:quarter]), ("the thing on the right side", across[-quarter:]),
        ("the thing in front", deep[:quarter]), ("the thing at the back", deep[-quarter:]),
        ("something in the front left", [o for o in across[: 2 * quarter] if o in deep[: 2 * quarter]]),
        ("something in the back right", [o for o in across[-2 * quarter :] if o in deep[-2 * quarter :]]),
    ):  # fmt: skip
        if chosen:
            yield text, ids(chosen)


def gap(a: TruthObject, b: TruthObject) -> float:
    """Distance between the circles round two footprints; 0 for things that touch."""
    if b.id in a.touching:
        return 0.0
    return max(
        float(np.hypot(a.center[0] - b.center[0], a.center[1] - b.center[1])) - a.radius - b.radius, 0.0
    )


def on_top(a: TruthObject, b: TruthObject) -> bool:
    return b.id in a.touching and abs(a.base - b.top) < 0.015


def related(objects: Sequence[TruthObject], relation: str, mark: TruthObject) -> list[TruthObject]:
    """Objects that certainly stand in a relation to a landmark."""
    others = [o for o in objects if o is not mark]
    if relation == "left of":
        return [o for o in others if o.x < mark.x - SIDE_PX]
    if relation == "right of":
        return [o for o in others if o.x > mark.x + SIDE_PX]
    if relation == "in front of":
        return [o for o in others if o.away < mark.away - SIDE_M]
    if relation == "behind":
        return [o for o in others if o.away > mark.away + SIDE_M]
    if relation == "on":
        return [o for o in others if on_top(o, mark)]
    if relation == "under":
        return [o for o in others if on_top(mark, o)]
    near = min(gap(o, mark) for o in others)
    return [o for o in others if gap(o, mark) <= near + NEAR_M]


RELATIONS = ("left of", "right of", "in front of", "behind", "on", "under", "next to")


def relation_queries(objects: Sequence[TruthObject]) -> Made:
    for mark in unique_ones(objects):
        for relation in RELATIONS:
            fitting = related(objects, relation, mark)
            if fitting:
                yield f"the thing {relation} the {mark.colour} thing", ids(fitting)


def coloured_relation_queries(objects: Sequence[TruthObject]) -> Made:
    for mark in unique_ones(objects):
        for relation in RELATIONS:
            for colour in colours(objects):
                fitting = [o for o in related(objects, relation, mark) if o.colour == colour]
                if fitting and colour != mark.colour and len(of_colour(objects, colour)) > 1:
                    yield f"the {colour} thing {relation} the {mark.colour} thing", ids(fitting)
    for a in unique_ones(objects):
        for b in unique_ones(objects):
            for o in objects:
                line = np.subtract(b.center, a.center)
                along = float(np.subtract(o.center, a.center) @ line / (line @ line + 1e-12))
                aside = abs(float(np.cross(line, np.subtract(o.center, a.center)))) / (line @ line + 1e-12)
                if a.id < b.id and o not in (a, b) and 0.3 < along < 0.7 and aside < 0.15:
                    fitting = [p for p in objects if p not in (a, b) and p.colour == o.colour]
                    if len(fitting) == 1 and o.colour in colours(objects):
                        yield f"the {o.colour} thing between the {a.colour} and the {b.colour} thing", (o.id,)


def nested_queries(objects: Sequence[TruthObject]) -> Made:
    for mark in unique_ones(objects):
        for inner in ("left of", "right of", "next to"):
            for colour in colours(objects):
                middle = [o for o in related(objects, inner, mark) if o.colour == colour]
                if len(middle) != 1 or colour == mark.colour or len(of_colour(objects, colour)) == 1:
                    continue
                for outer in ("left of", "right of", "behind"):
                    fitting = related(objects, outer, middle[0])
                    if fitting:
                        text = f"the thing {outer} the {colour} thing {inner} the {mark.colour} thing"
                        yield text, ids(fitting)


def winners(
    objects: Sequence[TruthObject], value: Callable[[TruthObject], float], slack: float
) -> tuple[int, ...]:
    """The object with the largest value and those close to it; slack is a factor for positive values."""
    best = max(objects, key=value)
    return ids(
        [o for o in objects if value(o) >= (value(best) / slack if slack > 1 else value(best) - slack)]
    )


def superlative_queries(objects: Sequence[TruthObject]) -> Made:
    yield "the largest thing", winners(objects, lambda o: o.volume, MARGIN**3)
    yield "the biggest object", winners(objects, lambda o: o.volume, MARGIN**3)
    yield "the smallest thing", winners(objects, lambda o: 1 / o.volume, MARGIN**3)
    yield "the tallest thing", winners(objects, lambda o: o.size[2], MARGIN)
    yield "the shortest thing", winners(objects, lambda o: 1 / o.size[2], MARGIN)
    yield "the highest thing", winners(objects, lambda o: o.top, 0.01)
    yield "the leftmost thing", winners(objects, lambda o: -o.x, SIDE_PX / 2)
    yield "the rightmost thing", winners(objects, lambda o: o.x, SIDE_PX / 2)
    yield "the nearest thing", winners(objects, lambda o: -o.away, SIDE_M / 2)
    yield "the farthest thing", winners(objects, lambda o: o.away, SIDE_M / 2)
    for colour in colours(objects):
        same = of_colour(objects, colour)
        if len(same) > 1:
            yield f"the largest {colour} thing", winners(same, lambda o: o.volume, MARGIN**3)
            yield f"the tallest {colour} thing", winners(same, lambda o: o.size[2], MARGIN)
            yield f"the leftmost {colour} thing", winners(same, lambda o: -o.x, SIDE_PX / 2)
    across = sorted(objects, key=lambda o: o.x)
    for rank, word in ((1, "second"), (2, "third")):
        if (
            across[rank].x - across[rank - 1].x > SIDE_PX / 2
            and across[rank + 1].x - across[rank].x > SIDE_PX / 2
        ):
            yield f"the {word} thing from the left", (across[rank].id,)
    for mark in unique_ones(objects):
        others = [o for o in objects if o is not mark]
        yield (
            f"the thing nearest to the {mark.colour} one",
            winners(others, lambda o, m=mark: -gap(o, m), NEAR_M),
        )


def count_queries(objects: Sequence[TruthObject]) -> Made:
    words = {2: "two", 3: "three", 4: "four"}
    for colour in colours(objects):
        same = of_colour(objects, colour)
        if len(same) in words:
            yield f"{words[len(same)]} {colour} things", ids(same), (), len(same)
            yield f"the {words[len(same)]} {colour} ones", ids(same), (), len(same)
    ordered = sorted(objects, key=lambda o: -o.volume)
    if ordered[1].volume > 1.4 * ordered[2].volume:
        yield "the two largest things", ids(ordered[:2]), (), 2


def negation_queries(objects: Sequence[TruthObject]) -> Made:
    for colour in colours(objects):
        rest = [o for o in objects if o.colour != colour]
        yield f"things that are not {colour}", ids(rest)
        yield f"the largest thing that is not {colour}", winners(rest, lambda o: o.volume, MARGIN**3)
        for other in colours(objects):
            both = [o for o in rest if o.colour == other]
            for word, test in SHAPES.items():
                fitting = [o for o in both if not test(o)]
                if colour == other or not fitting or len(fitting) == len(both):
                    continue
                yield f"the {other} thing, not {word}", ids(fitting)


def nonsense_queries(objects: Sequence[TruthObject]) -> Made:
    yield "flurbish", (), ("flurbish",), 1
    yield "the wug under the snark", (), ("wug", "snark"), 1
    yield "a teapot", (), ("teapot",), 1
    for colour, word in zip(
        colours(objects), ("teapot", "gizmo", "elephant", "mug", "blicket"), strict=False
    ):
        yield f"the {colour} {word}", ids(of_colour(objects, colour)), (word,), 1


KINDS: dict[str, Callable[[Sequence[TruthObject]], Made]] = {
    "colour": colour_queries, "colour+shape": colour_shape_queries, "shape": shape_queries, "size": size_queries,
    "position": position_queries, "relation": relation_queries, "relation+colour": coloured_relation_queries,
    "relation nested": nested_queries, "superlative": superlative_queries, "count": count_queries,
    "negation": negation_queries, "nonsense": nonsense_queries,
}  # fmt: skip
