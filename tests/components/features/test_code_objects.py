"""Objects from codes: places, crumbs, pixels, and distances in bits."""

import numpy as np
import pytest

from liftlab.components.features.code_objects import CodeObjects, read_objects
from liftlab.components.features.codes import codes_of

A, B, RARE = (
    np.array([3.0, 3.0, -3.0, -3.0]),
    np.array([-3.0, -3.0, 3.0, 3.0]),
    np.array([3.0, 3.0, 3.0, -3.0]),
)
RADIUS = 0.5


def blob(center: tuple[float, float, float], count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3)) * 0.8 + center


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Code A in two places and in a crumb inside B's place; one Gaussian of a rare code beside A's first place."""
    V = np.concatenate(
        [np.tile(A, (300, 1)), np.tile(A, (150, 1)), np.tile(B, (200, 1)), A[None], RARE[None]]
    )
    means = np.concatenate([
        blob((0, 0, 0), 300, 0), blob((5, 0, 0), 150, 1), blob((0, 5, 0), 200, 2), [[0.4, 5.4, 0.4]],
        [[0.4, 0.4, 0.4]],
    ])  # fmt: skip
    return V.astype(np.float32), means


def read(**options) -> CodeObjects:
    V, means = scene()
    return read_objects(V, means, np.ones(len(V), bool), **options)


@pytest.fixture(autouse=True)
def small_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A code needs 1 % of the Gaussians here."""
    monkeypatch.setattr("liftlab.components.features.codes.KEEP_SHARE", 0.01)


def test_a_code_in_two_places_is_two_objects_and_crumbs_join_their_neighbours() -> None:
    objects = read(radius=RADIUS)
    assert objects.count == 3
    first, second, third = (np.unique(objects.labels[a:b]) for a, b in ((0, 300), (300, 450), (450, 650)))
    assert [len(own) for own in (first, second, third)] == [1, 1, 1]
    assert len({int(first[0]), int(second[0]), int(third[0])}) == 3
    assert objects.labels[650] == third[0]  # the crumb
    assert objects.labels[651] == first[0]  # snapped
    assert objects.codes[[int(first[0]), int(second[0])]].tolist() == [codes_of(A), codes_of(A)]


def test_without_a_radius_a_code_is_one_object() -> None:
    objects = read()
    assert objects.count == 2 and len(np.unique(objects.labels[:450])) == 1
    assert objects.channels(scene()[0]).shape[1] == 4  # nothing more to render


def test_without_snapping_every_code_is_an_object() -> None:
    objects = read(snap=False)
    assert objects.count == 16
    assert objects.labels.tolist() == (codes_of(scene()[0]) + 1).tolist()
    assert objects.objects_of(RARE[None].astype(np.float32)).tolist() == [codes_of(RARE) + 1]


def test_gaussians_rendered_alone_give_their_own_objects() -> None:
    objects = read(radius=RADIUS)
    V, _ = scene()
    found = objects.objects_of(objects.channels(V))
    sure = np.ones(len(V), bool)
    sure[650] = False  # alone, a crumb is read as the largest place of its code
    assert np.array_equal(found[sure], objects.labels[sure])


def test_blending_weights_and_third_codes() -> None:
    objects = read(radius=RADIUS)
    channels = objects.channels(scene()[0])
    first, far, other = (channels[i] for i in (0, 300, 450))
    labels = objects.labels[[0, 300, 450]]
    mostly_far = (0.3 * first + 0.6 * far)[None]
    assert objects.objects_of(mostly_far).tolist() == [labels[1]]
    third = (0.55 * first + 0.45 * other)[None]
    third[0, 2] = 0.2  # one bit away from A, three from B
    assert objects.objects_of(third).tolist() == [labels[0]]


def test_bits_between_objects() -> None:
    objects = read(radius=RADIUS)
    first, far, other = (int(objects.labels[i]) for i in (0, 300, 450))
    (bits,) = objects.bits_from([first])
    assert bits[first] == 0 and bits[far] == 0.5 and bits[other] == 4


def test_transparent_gaussians_do_not_make_objects_but_have_one() -> None:
    V, means = scene()
    opaque = np.ones(len(V), bool)
    opaque[450:650] = False
    objects = read_objects(V, means, opaque, radius=RADIUS)
    assert codes_of(B) not in objects.book.codes
    assert (objects.labels > 0).all()
    everything = read_objects(V, means, np.zeros(len(V), bool), radius=RADIUS)
    assert everything.count == 3  # none is opaque: all count


def test_no_gaussians_no_objects() -> None:
    empty = read_objects(np.zeros((0, 4), np.float32), np.zeros((0, 3)), np.zeros(0, bool), radius=RADIUS)
    assert empty.count == 0 and empty.objects_of(np.ones((2, 4), np.float32)).tolist() == [0, 0]
