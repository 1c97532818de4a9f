"""The words the `attributes` encoder knows, as data: what each is measured by. Everything else is reported as unknown.

A word stands in one table only, except that `ing`, plural and spelling variants are brought to these forms by
`liftlab.components.text.grammar`. British and American spellings are both listed.
"""

from typing import Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


Relation = Literal[
    "left_of", "right_of", "in_front_of", "behind", "on", "under", "above", "next_to", "far_from", "between", "inside",
]  # fmt: skip
"""How an object stands to others; `between` takes two, the others one."""

Bound = Literal["below", "above", "near"]
"""How a side stands to a length."""

COLOURS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet", "maroon", "ruby", "burgundy", "vermilion"),
    "orange": ("orange", "apricot", "tangerine"),
    "yellow": ("yellow", "golden", "gold", "mustard", "lemon"),
    "green": ("green", "lime", "olive", "emerald", "khaki"),
    "teal": ("teal", "turquoise", "cyan", "aqua", "petrol"),
    "blue": ("blue", "navy", "azure", "indigo", "cobalt"),
    "purple": ("purple", "violet", "lilac", "lavender", "mauve", "plum"),
    "pink": ("pink", "rose", "magenta", "fuchsia", "salmon"),
    "brown": ("brown", "beige", "tan", "chestnut", "bronze", "copper", "caramel"),
    "grey": ("grey", "gray", "silver", "silvery"),
    "white": ("white", "ivory", "cream"),
    "black": ("black", "ebony"),
}
"""The colour names that pixels are given, each with the words for it."""

PROPERTIES: dict[str, tuple[str, ...]] = {
    "large": ("large", "big", "huge", "giant", "bulky", "massive", "enormous"),
    "small": ("small", "little", "tiny", "mini", "miniature"),
    "tall": ("tall", "high"),
    "short": ("short", "low"),
    "wide": ("wide", "broad", "fat"),
    "thin": ("thin", "narrow", "slim", "slender", "skinny"),
    "flat": ("flat",),
    "long": ("long", "elongated", "oblong", "stretched"),
    "upright": ("upright", "vertical"),
    "lying": ("horizontal",),
    "round": ("round", "rounded", "circular", "spherical", "curved"),
    "box_like": (
        "square", "rectangular", "cubic", "boxy", "angular", "cuboid", "boxlike", "box-like", "box-shaped",
    ),
    "cylindrical": ("cylindrical", "tubular"),
    "ball_like": ("ball-like", "ball-shaped", "globular"),
    "ring_like": ("ring-shaped", "ring-like"),
    "dark": ("dark", "deep"),
    "light": ("light", "bright", "pale"),
    "colourful": ("colourful", "colorful", "multicoloured", "multicolored", "multicolor", "motley"),
    "plain": ("plain", "single-coloured", "single-colored", "unicoloured"),
    "left": ("left", "left-hand"),
    "right": ("right", "right-hand"),
    "front": ("front", "foreground"),
    "back": ("back", "rear", "background"),
    "middle": ("middle", "centre", "center", "central"),
    "corner": ("corner",),
    "alone": ("alone", "isolated", "lonely", "separate"),
}  # fmt: skip
"""Graded properties, each with the words for it."""

SHAPE_NOUNS: dict[str, str] = {
    "ball": "ball_like", "sphere": "ball_like", "globe": "ball_like", "orb": "ball_like",
    "box": "box_like", "cube": "box_like", "block": "box_like", "brick": "box_like", "carton": "box_like",
    "cuboid": "box_like", "cylinder": "cylindrical", "tube": "cylindrical", "can": "cylindrical",
    "tin": "cylindrical", "ring": "ring_like", "hoop": "ring_like", "donut": "ring_like", "disc": "disc_like",
    "disk": "disc_like", "plate": "disc_like", "stick": "stick_like", "rod": "stick_like", "pole": "stick_like",
    "slab": "flat", "sheet": "flat", "panel": "flat",
}  # fmt: skip
"""Nouns that name a shape more than a thing; any object of that shape answers to them."""

SUPERLATIVES: dict[str, tuple[str, bool]] = {
    "largest": ("size", True), "biggest": ("size", True), "hugest": ("size", True), "smallest": ("size", False),
    "tiniest": ("size", False), "littlest": ("size", False), "tallest": ("height", True),
    "shortest": ("height", False), "widest": ("width", True), "broadest": ("width", True),
    "longest": ("length", True), "thinnest": ("thickness", False), "narrowest": ("width", False),
    "slimmest": ("slimness", True), "flattest": ("flatness", True), "roundest": ("roundness", True),
    "highest": ("top", True), "topmost": ("top", True), "uppermost": ("top", True), "lowest": ("top", False),
    "leftmost": ("x", False), "rightmost": ("x", True), "frontmost": ("depth", False),
    "foremost": ("depth", False), "backmost": ("depth", True), "rearmost": ("depth", True),
    "hindmost": ("depth", True), "darkest": ("lightness", False), "brightest": ("lightness", True),
    "lightest": ("lightness", True), "palest": ("lightness", True),
    "nearest": ("distance", False), "closest": ("distance", False), "farthest": ("distance", True),
    "furthest": ("distance", True), "remotest": ("distance", True),
}  # fmt: skip
"""What is compared, and whether the largest value wins. `distance` is to a landmark where one is named, else to the
photographer."""

MEASURE_OF_PROPERTY: dict[str, tuple[str, bool]] = {
    "large": ("size", True), "small": ("size", False), "tall": ("height", True), "short": ("height", False),
    "wide": ("width", True), "thin": ("thickness", False), "flat": ("flatness", True), "long": ("length", True),
    "round": ("roundness", True), "dark": ("lightness", False), "light": ("lightness", True), "left": ("x", False),
    "right": ("x", True), "front": ("depth", False), "back": ("depth", True), "red": ("red", True),
}  # fmt: skip
"""What "the most P", "the least P" and ordinals ("the second largest") compare."""

RELATIONS: tuple[tuple[tuple[str, ...], Relation], ...] = (
    (("on", "the", "left", "side", "of"), "left_of"), (("to", "the", "left", "of"), "left_of"),
    (("on", "the", "left", "of"), "left_of"), (("at", "the", "left", "of"), "left_of"),
    (("left", "of"), "left_of"), (("left", "from"), "left_of"),
    (("on", "the", "right", "side", "of"), "right_of"), (("to", "the", "right", "of"), "right_of"),
    (("on", "the", "right", "of"), "right_of"), (("at", "the", "right", "of"), "right_of"),
    (("right", "of"), "right_of"), (("right", "from"), "right_of"),
    (("in", "the", "front", "of"), "in_front_of"), (("in", "front", "of"), "in_front_of"),
    (("before",), "in_front_of"), (("behind",), "behind"), (("in", "back", "of"), "behind"),
    (("at", "the", "back", "of"), "behind"), (("on", "top", "of"), "on"), (("on", "the", "top", "of"), "on"),
    (("resting", "on"), "on"), (("upon",), "on"), (("atop",), "on"), (("onto",), "on"), (("on",), "on"),
    (("underneath",), "under"), (("under",), "under"), (("beneath",), "under"), (("below",), "under"),
    (("supporting",), "under"), (("carrying",), "under"), (("holding",), "under"),
    (("above",), "above"), (("over",), "above"),
    (("right", "next", "to"), "next_to"), (("next", "to"), "next_to"), (("close", "to"), "next_to"),
    (("adjacent", "to"), "next_to"), (("near", "to"), "next_to"), (("near",), "next_to"), (("beside",), "next_to"),
    (("besides",), "next_to"), (("alongside",), "next_to"), (("by",), "next_to"), (("touching",), "next_to"),
    (("leaning", "against"), "next_to"), (("leaning", "on"), "next_to"), (("against",), "next_to"),
    (("at", "the", "side", "of"), "next_to"), (("far", "away", "from"), "far_from"), (("far", "from"), "far_from"),
    (("away", "from"), "far_from"), (("between",), "between"), (("in", "between"), "between"),
    (("inside", "of"), "inside"), (("inside",), "inside"), (("within",), "inside"), (("into",), "inside"),
)  # fmt: skip
"""Phrases that lead from an object to a landmark; longer ones are tried first."""

COMPARATIVES: dict[str, tuple[str, bool]] = {
    "taller": ("height", True), "higher": ("height", True), "shorter": ("height", False), "lower": ("height", False),
    "wider": ("length", True), "broader": ("length", True), "narrower": ("length", False),
    "longer": ("longest", True), "larger": ("longest", True), "bigger": ("longest", True),
    "smaller": ("longest", False), "thicker": ("thickness", True), "thinner": ("thickness", False),
}  # fmt: skip
"""What "taller than 10 cm" compares, and whether more is wanted."""

MEASURED_AS: dict[str, str] = {
    "tall": "height", "high": "height", "short": "height", "wide": "length", "broad": "length", "across": "length",
    "long": "longest", "large": "longest", "big": "longest", "thick": "thickness", "deep": "width",
}  # fmt: skip
"""What "10 cm tall" says is 10 cm."""

BOUNDS: dict[tuple[str, ...], Bound] = {
    ("less", "than"): "below", ("at", "most"): "below", ("no", "more", "than"): "below", ("up", "to"): "below",
    ("under",): "below", ("below",): "below", ("more", "than"): "above", ("at", "least"): "above",
    ("no", "less", "than"): "above", ("over",): "above", ("above",): "above", ("about",): "near",
    ("around",): "near", ("roughly",): "near", ("exactly",): "near", ("approximately",): "near",
}  # fmt: skip
"""Words before a length."""

THINGS = _words(
    "thing object item one ones stuff something anything everything element piece shape entity toy article body"
)
"""Nouns that mean any object."""

SUPPORTS = _words("table desk tabletop desktop surface floor ground tablecloth")
"""What things stand on: the scene's largest level plane."""

NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "both": 2, "pair": 2, "couple": 2,
}  # fmt: skip
ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6, "7th": 7, "8th": 8, "last": -1,
}  # fmt: skip

SILENT = _words(
    """a an the this that these those is are was be being which who there it its of in at with and to as all any every
    find show me my give select pick where what please some very really rather quite standing sitting placed located
    lying has have having color colour coloured colored hue looking kind sort side hand only just other another else
    positioned situated i see want you can't do from by for seen view photo picture image scene here part whole far
    """
)
"""Words that carry no condition of their own; they are neither used nor unknown."""

NEGATIONS = _words("not non no without isn't aren't never neither nor")
EXCLUSIONS: tuple[tuple[str, ...], ...] = (
    ("with", "the", "exception", "of"), ("other", "than"), ("apart", "from"), ("aside", "from"), ("except", "for"),
    ("except",), ("excepting",), ("excluding",), ("excludes",), ("minus",), ("save", "for"),
)  # fmt: skip
"""Words before what is left out; longer ones first."""
UNIVERSAL = _words("all any anything every everything each whatever anyone everyone")
"""After one of these, "but" leaves something out."""
PHOTO_WORDS = _words("photo picture image view")

KNOWN = frozenset(
    word
    for words in (
        *COLOURS.values(), *PROPERTIES.values(), SHAPE_NOUNS, SUPERLATIVES, COMPARATIVES, THINGS, SUPPORTS, NUMBERS,
        ORDINALS, SILENT, NEGATIONS, UNIVERSAL, PHOTO_WORDS, *(phrase for phrase, _ in RELATIONS),
    )
    for word in words
)  # fmt: skip
"""Single words that mean something without anybody having given a name."""
