"""The record of answers as a file, and how two records are compared."""

import base64
import gzip
import hashlib
import json
import os
import platform
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from liftlab.components.masks.runs import mask_of_runs, runs_of
from liftlab.session.saving.records import versions

IOU_FLOOR = 0.99
"""Where bytes cannot be expected to be equal, masks and selections overlap by more than this."""
SIZE_SLACK = 0.02
"""Where bytes cannot be expected to be equal, files differ in size by no more than this share."""
EXACT = {"wildseg3d"}
"""Methods that look up and count, and neither train nor run a network: their answers have the same bytes on every
processor of one architecture, as have cameras, points and masks. All twenty of desk had, on processors with and without
AVX-512, of which methods that train gave at most four again.
"""
TRUTH_SLACK = 0.03
TRUTH_SLACK_OF = {"unic_lift": 0.12}
"""By so much the IoU of first clicks with the truth, the mean of all, may fall on another processor in a method that
trains. On three machines, each with splats of its own on top, it was .424 to .435 in Gaga, .393 to .401 in SAGA, .385
to .388 in the one with prototypes and .285 to .389 in UniC-Lift, though single masks had an IoU of .33 with each other.
"""
AGREE_FLOOR = 0.9
"""Half of such a method's prompts have an IoU with the record above this, also where the quick configuration is too
short to be near the truth. On those machines it was at least .95 in SAGA, .96 in UniC-Lift and .989 in the others.
"""
SHOWN_SLACK = {"psnr": 0.1, "ssim": 0.005}
"""By so much what splats show of their photos may fall. On desk other last bits change .0004 dB and .00001, another
seed of the training .013 dB and .0005.
"""
SAMPLE = 20_000
"""Of a selection at most so many primitives are kept, evenly spread; its digest is of all."""


@dataclass(frozen=True)
class Kept:
    """One answer."""

    masks: tuple[str, ...]
    """Per view COCO's compressed run lengths, view pixels."""
    selected: str
    """Bits of every `step`-th primitive, packed, deflated, in base64; empty where nothing is selected by words."""
    count: int
    """Selected primitives, all of them."""
    digest: str
    """Over masks, selection, scores and `said`."""
    said: str = ""
    """The message to the person, or what words found."""


@dataclass(frozen=True)
class Answers:
    """All answers of one capture."""

    machine: str
    """Processor and versions: between equal ones bytes are equal too."""
    sizes: tuple[tuple[int, int], ...]
    """Height and width of each view."""
    parts: dict[str, str]
    """What the answers are made from (cameras, points, splats, masks) to a digest each."""
    shown: dict[str, float] = field(default_factory=dict)
    """What splats show of their photos: those trained here, and those that methods were asked on."""
    answers: dict[str, dict[str, Kept]] = field(default_factory=dict)
    """Method to prompt to answer."""
    truth: dict[str, list[float]] = field(default_factory=dict)
    """Of methods that train: IoU of each first click's answer with the truth. On another machine this is compared, and
    not the answers."""
    files: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    """Method to exported file to its digest and its bytes."""

    def save(self, path: Path) -> None:
        text = json.dumps(asdict(self), indent=0, sort_keys=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))

    @staticmethod
    def load(path: Path) -> "Answers":
        value = json.loads(gzip.decompress(path.read_bytes()))
        answers = {
            method: {
                prompt: Kept(**{**kept, "masks": tuple(kept["masks"])}) for prompt, kept in prompts.items()
            }
            for method, prompts in value["answers"].items()
        }
        files = {
            method: {name: (digest, size) for name, (digest, size) in of_method.items()}
            for method, of_method in value["files"].items()
        }
        sizes = tuple((height, width) for height, width in value["sizes"])
        shown, truth = value.get("shown", {}), value.get("truth", {})  # records of before 12/2026 have none
        return Answers(value["machine"], sizes, value["parts"], shown, answers, truth=truth, files=files)


@dataclass(frozen=True)
class Line:
    """One prompt, file or part in two records."""

    method: str
    what: str
    equal: bool
    """Byte by byte."""
    close: bool
    """As near as is asked for where bytes may differ."""
    masks_iou: float | None = None
    selected_iou: float | None = None
    note: str = ""

    def holds(self, *, bytes_too: bool) -> bool:
        return self.equal or (self.close and not bytes_too)


def this_machine() -> str:
    """What the last bits of answers depend on beside the code: architecture; processor, by its name, by what numba
    compiles for (virtual machines say no more than "AMD EPYC" of ten years of processors) and by what torch picks for
    it; the number of cores, over which sums are split; and versions.
    """
    import torch
    from llvmlite.binding import get_host_cpu_name

    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line] if info.exists() else []
    processor = models[0].split(":")[1].strip() if models else platform.machine()
    compiled_for = os.environ.get("NUMBA_CPU_NAME") or get_host_cpu_name()
    cores = [os.cpu_count(), int(os.environ.get("NUMBA_NUM_THREADS") or os.cpu_count() or 1)]
    packages = {name: number for name, number in versions().items() if name != "liftlab"}
    return json.dumps(
        [
            platform.machine(),
            processor,
            compiled_for,
            torch.backends.cpu.get_cpu_capability(),
            cores,
            packages,
        ]
    )


def digest_of(*parts: bytes | str | np.ndarray) -> str:
    """A short digest of bytes, texts and arrays."""
    total = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else part.tobytes()
        total.update(len(raw).to_bytes(8, "little") + raw)
    return total.hexdigest()[:16]


def kept(
    masks: Sequence[np.ndarray],
    selected: np.ndarray | None = None,
    score: np.ndarray | None = None,
    said: str = "",
) -> Kept:
    """An answer as it is kept: bool masks per view, bool per primitive, and what is said with it."""
    runs = tuple(runs_of(np.ascontiguousarray(mask)) for mask in masks)
    chosen = np.zeros(0, bool) if selected is None else selected
    digest = digest_of(*runs, chosen, np.zeros(0) if score is None else score, said)
    return Kept(runs, packed(chosen), int(chosen.sum()), digest, said)


def packed(bits: np.ndarray) -> str:
    """A selection, thinned to at most `SAMPLE` primitives."""
    if not len(bits):
        return ""
    thin = bits[:: -(-len(bits) // SAMPLE)]
    return f"{len(thin)}:{base64.b64encode(zlib.compress(np.packbits(thin).tobytes(), 9)).decode()}"


def unpacked(text: str) -> np.ndarray:
    """What `packed` made, as bools."""
    if not text:
        return np.zeros(0, bool)
    count, body = text.split(":", 1)
    bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(body)), np.uint8))
    return bits[: int(count)].astype(bool)


def iou_of(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Intersection over union pooled over pairs of bool arrays; 1 where both are empty, 0 where sizes differ."""
    shared = whole = 0
    for a, b in pairs:
        if a.shape != b.shape:
            return 0.0
        shared += int((a & b).sum())
        whole += int((a | b).sum())
    return shared / whole if whole else 1.0


def masks_of(answers: Answers, one: Kept) -> list[np.ndarray]:
    """The masks of an answer, bool [H, W] per view."""
    return [mask_of_runs(runs, *size) for runs, size in zip(one.masks, answers.sizes, strict=True)]


def compare(before: Answers, after: Answers) -> list[Line]:
    """Every part, prompt and file of two records, those that only one has included."""
    alike = architecture_of(before) == architecture_of(after)
    lines = [
        Line("", part, before.parts.get(part) == after.parts.get(part), close=not alike)
        for part in union(before.parts, after.parts)
    ]
    lines += [
        not_less("", name, was, after.shown.get(name, 0.0), SHOWN_SLACK[name.split(",")[0]])
        for name, was in before.shown.items()
    ]
    for method in union(before.answers, after.answers):
        old, new = before.answers.get(method, {}), after.answers.get(method, {})
        both = [compared(method, prompt, before, after) for prompt in old if prompt in new]
        trains = method in before.truth
        if trains:
            was, now = (float(np.mean(one.truth.get(method, 0.0))) for one in (before, after))
            lines.append(
                not_less(
                    method, "first clicks to the truth", was, now, TRUTH_SLACK_OF.get(method, TRUTH_SLACK)
                )
            )
            lines.append(half_agree(method, both))
        if trains or (alike and method in EXACT):
            both = [replace(line, close=trains) for line in both]
        lines += both
        lines += [
            Line(method, p, False, False, note=only_in(p in old))
            for p in union(old, new)
            if (p in old) != (p in new)
        ]
        was_files, files = before.files.get(method, {}), after.files.get(method, {})
        lines += [
            compared_file(method, name, was_files, files, any_size=trains) for name in union(was_files, files)
        ]
    return lines


def architecture_of(answers: Answers) -> str:
    """Processors of one make floating-point sums alike where code does not leave the order of them open."""
    return answers.machine.split(",")[0]


def half_agree(method: str, lines: Sequence[Line]) -> Line:
    """Whether half of a method's prompts are answered nearly as recorded."""
    middle = float(np.median([line.masks_iou or 0.0 for line in lines])) if lines else 0.0
    equal = bool(lines) and all(line.equal for line in lines)
    return Line(method, "half of all prompts", equal, middle > AGREE_FLOOR, masks_iou=middle)


def compared_file(
    method: str,
    name: str,
    before: Mapping[str, tuple[str, int]],
    after: Mapping[str, tuple[str, int]],
    *,
    any_size: bool,
) -> Line:
    """One exported file of a method."""
    if name not in before or name not in after:
        return Line(method, name, False, False, note=only_in(name in before))
    was, now = before[name][1], after[name][1]
    close = any_size or abs(was - now) <= SIZE_SLACK * max(was, now)
    note = "" if was == now else f"{was} -> {now} bytes"
    return Line(method, name, before[name] == after[name], close, note=note)


def not_less(method: str, what: str, was: float, now: float, slack: float) -> Line:
    """A measure of quality: on another machine it may fall by no more than `slack`; a rise is no change."""
    return Line(method, what, was == now, now >= was - slack, note=f"{was:.4f} -> {now:.4f}")


def compared(method: str, prompt: str, before: Answers, after: Answers) -> Line:
    """One prompt that both records have."""
    old, new = before.answers[method][prompt], after.answers[method][prompt]
    masks_iou = selected_iou = 1.0
    if old.masks != new.masks:
        same_sizes = before.sizes == after.sizes
        pairs = zip(masks_of(before, old), masks_of(after, new), strict=True) if same_sizes else ()
        masks_iou = iou_of(pairs) if same_sizes else 0.0
    if old.selected != new.selected:
        selected_iou = iou_of([(unpacked(old.selected), unpacked(new.selected))])
    close = masks_iou > IOU_FLOOR and selected_iou > IOU_FLOOR
    note = "" if old.said == new.said else f"said {old.said!r} -> {new.said!r}"
    if old.count != new.count:
        note = f"{old.count} -> {new.count} selected" + (f"; {note}" if note else "")
    return Line(method, prompt, old.digest == new.digest, close, masks_iou, selected_iou, note)


def union(a: Iterable[str], b: Iterable[str]) -> list[str]:
    """All names of both, in order."""
    return list(dict.fromkeys([*a, *b]))


def only_in(before: bool) -> str:
    return "only in the record" if before else "not in the record"


def table(lines: Sequence[Line]) -> str:
    """Lines for people."""

    def number(value: float | None) -> str:
        return "     -" if value is None else f"{value:6.4f}"

    head = f"{'method':<17}{'prompt, file or part':<34}{'masks':>6} {'chosen':>6}  bytes"
    rows = [
        f"{line.method or '(all)':<17}{line.what:<34}{number(line.masks_iou)} {number(line.selected_iou)}  "
        f"{'equal' if line.equal else 'differ':<7}{line.note[:120]}".rstrip()
        for line in lines
    ]
    return "\n".join([head, *rows])
