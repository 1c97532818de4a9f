"""Codes: decoding by hand, snapping, and parts in space."""

import numpy as np
import pytest

from liftlab.components.features.codes import code_book, codes_of, components_by_code, hamming


def logits(*Y: float) -> np.ndarray:
    y = np.array(Y)
    return np.log(y / (1 - y))


@pytest.mark.parametrize(("Y", "code"), [((0.9, 0.8), 3), ((0.9, 0.2, 0.7), 5), ((0.5, 0.6), 2)])
def test_worked_examples(Y: tuple[float, ...], code: int) -> None:
    assert codes_of(logits(*Y)) == code


def test_an_empty_pixel_has_code_zero_and_shapes_are_kept() -> None:
    assert codes_of(np.zeros((3, 4, 12))).tolist() == np.zeros((3, 4), int).tolist()
    assert codes_of(np.ones((2, 12))).tolist() == [4095, 4095]


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="16 channels"):
        codes_of(np.ones((1, 17)))


def test_blended_borders_decode_to_a_third_code() -> None:
    """docs/methods/unic_lift.md section 8, item 4: the reason why snapping exists."""
    a, b = np.array([3.0, 3.0, -3.0]), np.array([-3.0, 3.0, 3.0])
    mixed = (a + b) / 2
    assert mixed.tolist() == [0, 3, 0]
    assert codes_of(mixed) not in (codes_of(a), codes_of(b))


def test_hamming_counts_bits() -> None:
    assert hamming(np.array([0b1011]), np.array([0b0001])).tolist() == [2]
    assert hamming(np.array([[0], [7]]), np.array([[0, 1]])).tolist() == [[0, 1], [3, 2]]


def test_code_book_keeps_frequent_codes_of_opaque_gaussians() -> None:
    codes = np.repeat([3, 5, 9, 6], [500, 300, 99, 200]).astype(np.int64)
    opaque = codes != 6
    Y = np.full((len(codes), 4), 0.25)
    book = code_book(np.tile(codes, 200), np.tile(Y, (200, 1)), np.tile(opaque, 200))
    assert book.codes.tolist() == [3, 5, 9]  # over 0.1 % each
    rare = np.concatenate([np.tile(codes, 200), np.array([12, 12])])
    book = code_book(rare, np.full((len(rare), 4), 0.25), rare != 6)
    assert 12 not in book.codes
    assert book.centers.shape == (3, 4) and np.allclose(book.centers, 0.25)


def test_a_scene_with_one_gaussian_still_has_a_book() -> None:
    assert code_book(np.array([5]), np.full((1, 3), 0.5), np.array([True])).codes.tolist() == [5]
    assert len(code_book(np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros(0, bool))) == 0


def test_snapping_goes_to_fewest_bits_then_to_the_nearest_centre() -> None:
    codes = np.repeat([0b0011, 0b1100], 200).astype(np.int64)
    corners = ((codes[:, None] >> np.arange(4)) & 1) * 0.8 + 0.1
    book = code_book(codes, corners, np.ones(400, bool))
    strange = np.array([0b0111, 0b1001, 0b1001, 0b0011], np.int64)
    Y = np.array([[0.9, 0.9, 0.6, 0.1], [0.9, 0.4, 0.1, 0.6], [0.6, 0.1, 0.4, 0.9], [0.9, 0.9, 0.1, 0.1]])
    assert book.snap(strange, Y).tolist() == [0b0011, 0b0011, 0b1100, 0b0011]
    assert book.position(strange).tolist() == [-1, -1, -1, 0]


def test_snapping_twice_changes_nothing_more() -> None:
    rng = np.random.default_rng(0)
    Y = rng.random((400, 5))
    codes = codes_of(Y - 0.5)
    book = code_book(
        np.repeat(np.array([1, 6, 30]), 50), np.repeat(rng.random((3, 5)), 50, axis=0), np.ones(150, bool)
    )
    once = book.snap(codes, Y)
    assert np.isin(once, book.codes).all()
    assert np.array_equal(book.snap(once, Y), once)


def test_a_code_in_two_places_has_two_parts() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.random((300, 3)), rng.random((100, 3)) + np.array([5.0, 0, 0])
    points = np.concatenate([far, near])
    codes = np.zeros(400, np.int64)
    part = components_by_code(points, codes, radius=0.5)
    assert (part[:100] == 1).all() and (part[100:] == 0).all()  # the largest is 0
    codes[100:] = 4
    assert (components_by_code(points, codes, radius=0.5) == 0).all()
    assert (components_by_code(points, np.zeros(400, np.int64), radius=6.0) == 0).all()


def test_a_chain_of_small_steps_holds_together() -> None:
    line = np.stack([np.arange(50) * 0.3, np.zeros(50), np.zeros(50)], axis=1)
    assert (components_by_code(line, np.zeros(50, np.int64), radius=0.4) == 0).all()
    gap = np.delete(line, [20, 21], axis=0)
    assert set(components_by_code(gap, np.zeros(48, np.int64), radius=0.4).tolist()) == {0, 1}
