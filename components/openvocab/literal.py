"""The losses once more, literally from the equations: loops in float64. Tests compare; nothing runs them.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import math
from collections.abc import Sequence


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def bce(logits: Sequence[float], target: Sequence[float]) -> float:
    """Mean over columns of -y log p - (1 - y) log (1 - p)."""
    parts = [
        -(y * math.log(sigmoid(a)) + (1 - y) * math.log(1 - sigmoid(a)))
        for a, y in zip(logits, target, strict=True)
    ]
    return sum(parts) / len(parts)


def dice(logits: Sequence[float], target: Sequence[float]) -> float:
    """1 - (2 sum p y + 1) / (sum p + sum y + 1)."""
    p = [sigmoid(a) for a in logits]
    shared = sum(a * b for a, b in zip(p, target, strict=True))
    return 1 - (2 * shared + 1) / (sum(p) + sum(target) + 1)


def cross_entropy(logits: Sequence[Sequence[float]], target: Sequence[int], weight: Sequence[float]) -> float:
    """Weighted mean over queries of -log softmax."""
    total = 0.0
    for row, label, w in zip(logits, target, weight, strict=True):
        total += w * (math.log(sum(math.exp(a) for a in row)) - row[label])
    return total / sum(weight)


def objectness(
    predicted: Sequence[float],
    logits: Sequence[Sequence[float]],
    target: Sequence[Sequence[float]],
    least: float,
) -> float:
    """Mean over pairs with IoU above `least` of (u - IoU)^2; 0 without any."""
    squares = []
    for u, row, wanted in zip(predicted, logits, target, strict=True):
        inside = [a > 0 for a in row]
        truth = [y > 0.5 for y in wanted]
        union = sum(a or b for a, b in zip(inside, truth, strict=True))
        iou = sum(a and b for a, b in zip(inside, truth, strict=True)) / max(union, 1)
        if iou > least:
            squares.append((u - iou) ** 2)
    return sum(squares) / len(squares) if squares else 0.0


def cost(logits: Sequence[float], probability: float, target: Sequence[float], class_weight: float) -> float:
    """Eq. 16 of one query and one instance."""
    return -class_weight * probability + bce(logits, target) + dice(logits, target)
