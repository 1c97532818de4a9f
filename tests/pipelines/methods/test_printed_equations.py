"""Every equation of the four papers against an implementation of its own: pixel by pixel, pair by pair, in float64.

`TESTS` says which test holds which equation of docs/methods; the ones that are not elsewhere are here.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.association import AssociationConfig, associate_masks
from liftlab.components.features.codes import codes_of
from liftlab.components.features.losses.affinity import gate, gated_cosines, mask_scale
from liftlab.components.features.losses.cluster_loss import cluster_loss
from liftlab.components.features.mask_votes import elect
from liftlab.components.features.prototypes import cosine_labels, ensemble, view_means
from liftlab.components.features.view_classifiers import probabilities
from liftlab.components.geometry.projection import unproject
from liftlab.components.pointmaps.alignment.solve import gauged_log_scales
from liftlab.components.progress import CancelToken
from liftlab.components.rasterize import rasterize
from liftlab.pipelines.base import seeded
from liftlab.pipelines.methods.saga import text, training
from liftlab.pipelines.methods.saga.clicks import Affinity, similarities
from liftlab.pipelines.methods.saga.config import SagaConfig
from liftlab.pipelines.methods.shared.feature_trainer import TrainStep, training_frames
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views
from tests.components.rasterize.scenes import camera, random_scene
from tests.toy import gaussian_toy

ROOT = Path(__file__).parents[3]
HERE = "pipelines/methods/test_printed_equations.py"
AFFINITY = "components/features/test_affinity.py"
WEIGHTS = "components/pointmaps/test_alignment_weights.py"
SCENE = "components/pointmaps/test_alignment_scene.py"
SLOW_FAST = "components/features/test_slow_fast.py"
JOINT = "pipelines/methods/test_joint_training.py"

TESTS: dict[str, dict[int, tuple[str, str]]] = {
    "saga": {
        1: (HERE, "test_saga_1_the_size_of_a_mask"),
        2: (HERE, "test_saga_2_5_8_the_gate"),
        3: (HERE, "test_saga_3_4_smoothed_features_of_unit_length_are_blended"),
        4: (HERE, "test_saga_3_4_smoothed_features_of_unit_length_are_blended"),
        5: (HERE, "test_saga_2_5_8_the_gate"),
        6: (AFFINITY, "test_identities_are_those_of_the_definition"),
        7: (AFFINITY, "test_identities_are_those_of_the_definition"),
        8: (HERE, "test_saga_2_5_8_the_gate"),
        9: (AFFINITY, "test_the_printed_loss_is_the_literal_one_and_another_than_the_code_s"),
        10: (AFFINITY, "test_the_printed_norm_is_the_mean_over_all_pixels"),
        11: (AFFINITY, "test_the_loss_is_the_literal_one"),
        12: (HERE, "test_saga_12_13_a_click_asks_by_its_gated_cosine"),
        13: (HERE, "test_saga_12_13_a_click_asks_by_its_gated_cosine"),
        14: (HERE, "test_saga_14_masks_ask_and_stand_for_anchors"),
        15: (HERE, "test_saga_15_a_cluster_is_as_relevant_as_its_masks"),
    },
    "proto_saga": {
        1: (HERE, "test_proto_saga_1_2_what_lies_in_front_takes_its_share"),
        2: (HERE, "test_proto_saga_1_2_what_lies_in_front_takes_its_share"),
        3: (JOINT, "test_the_sum_of_losses_is_the_printed_one"),
        4: (HERE, "test_proto_saga_4_9_chances_of_labels"),
        5: ("components/features/test_view_classifiers.py",
            "test_loss_agrees_with_the_literal_form_and_ignores_unlabelled_pixels"),
        6: (JOINT, "test_the_sum_of_losses_is_the_printed_one"),
        7: ("components/association/test_association.py",
            "test_covered_gaussians_are_those_projected_onto_the_mask"),
        8: (HERE, "test_proto_saga_7_to_12_the_association"),
        9: (HERE, "test_proto_saga_4_9_chances_of_labels"),
        10: (HERE, "test_proto_saga_7_to_12_the_association"),
        11: (HERE, "test_proto_saga_7_to_12_the_association"),
        12: (HERE, "test_proto_saga_7_to_12_the_association"),
        13: (HERE, "test_proto_saga_13_14_15_prototypes_and_their_labels"),
        14: (HERE, "test_proto_saga_13_14_15_prototypes_and_their_labels"),
        15: (HERE, "test_proto_saga_13_14_15_prototypes_and_their_labels"),
    },
    "unic_lift": {
        1: (JOINT, "test_the_sum_of_losses_is_the_printed_one"),
        2: (HERE, "test_unic_lift_2_the_printed_sums"),
        3: ("components/features/test_cluster_loss.py", "test_agrees_with_the_literal_form_and_stays_in_its_bounds"),
        4: ("pipelines/methods/test_unic_lift.py", "test_the_joint_loss_is_the_paper_s_sum"),
        5: ("components/features/test_triplets.py", "test_agrees_with_the_literal_form"),
        6: ("components/features/test_neighbours.py", "test_loss_agrees_with_the_literal_form"),
        7: ("pipelines/methods/test_unic_lift.py", "test_the_joint_loss_is_the_paper_s_sum"),
        8: (HERE, "test_unic_lift_8_9_codes"),
        9: (HERE, "test_unic_lift_8_9_codes"),
        10: (SLOW_FAST, "test_the_losses_are_the_literal_ones"),
        11: (SLOW_FAST, "test_the_losses_are_the_literal_ones"),
        12: (SLOW_FAST, "test_the_losses_are_the_literal_ones"),
    },
    "wildseg3d": {
        1: (SCENE, "test_weights_of_a_scene_are_those_of_the_printed_equations"),
        2: (HERE, "test_wildseg3d_2_pixels_in_the_world"),
        3: (SCENE, "test_weights_of_a_scene_are_those_of_the_printed_equations"),
        4: (SCENE, "test_weights_of_a_scene_are_those_of_the_printed_equations"),
        5: (SCENE, "test_weights_of_a_scene_are_those_of_the_printed_equations"),
        6: (WEIGHTS, "test_closed_forms_equal_the_printed_ones"),
        7: (WEIGHTS, "test_closed_forms_equal_the_printed_ones"),
        8: ("components/pointmaps/test_alignment.py", "test_loss_and_gradient_equal_plain_torch"),
        9: (HERE, "test_wildseg3d_9_the_gauge"),
        10: ("pipelines/methods/test_wildseg3d.py", "test_points_are_those_of_the_eroded_masks"),
        11: ("pipelines/methods/test_wildseg3d.py", "test_points_are_those_of_the_eroded_masks"),
    },
}  # fmt: skip
"""Document of docs/methods: equation to file and test."""


@pytest.mark.parametrize("method", sorted(TESTS))
def test_every_equation_has_its_test(method: str) -> None:
    page = (ROOT / f"docs/methods/{method}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```text\n(.*?)```", page, flags=re.DOTALL)
    numbers = {int(n) for block in blocks for n in re.findall(r"^\((\d+)\)", block, flags=re.MULTILINE)}
    assert numbers == set(TESTS[method])
    for file, name in TESTS[method].values():
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), (file, name)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / math.sqrt(sum(float(x) ** 2 for x in vector))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_saga_1_the_size_of_a_mask() -> None:
    points = np.random.default_rng(0).normal(3, (0.5, 1, 2), (40, 3))
    squares = 0.0
    for axis in range(3):
        mean = sum(points[:, axis]) / 40
        squares += sum((x - mean) ** 2 for x in points[:, axis]) / 40
    assert mask_scale(points) == pytest.approx(2 * math.sqrt(squares), rel=1e-12)


def test_saga_2_5_8_the_gate() -> None:
    generator = seeded(0)
    w, b = torch.randn((2, 5), generator=generator, dtype=torch.float64)
    scales, F = (
        torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64),
        torch.randn((4, 5), generator=generator).double(),
    )
    gates = gate(scales, w, b)
    found = gated_cosines(F, gates)
    for k, s in enumerate(scales.tolist()):
        opened = np.array([sigmoid(float(w[d]) * s + float(b[d])) for d in range(5)])
        assert gates[k].numpy() == pytest.approx(opened, rel=1e-12)
        for p in range(4):
            for q in range(4):
                expected = unit(opened * F[p].numpy()) @ unit(opened * F[q].numpy())
                assert float(found[k, p, q]) == pytest.approx(expected, rel=1e-10)


def test_saga_3_4_smoothed_features_of_unit_length_are_blended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the loss of a step sees of its pixels, with the half of the neighbours that the step draws."""
    scene, D, K = gaussian_toy().scene, 3, 4
    frame = training_frames(scene, max_side=24)[1]
    N = len(frame.view.gaussians)
    features = torch.randn((N, D), generator=seeded(1))
    neighbours = torch.randint(N, (N, K), generator=seeded(2)).to(torch.int32)
    pixels = torch.arange(0, frame.size[0] * frame.size[1], 37)
    given = training._view_masks([np.ones(frame.size, bool)], np.array([1.0]))
    seen: list[torch.Tensor] = []
    monkeypatch.setattr(training.ViewMasks, "drawn", lambda self, count, by, generator: pixels)
    monkeypatch.setattr(training, "draw_scales", lambda scales, top, **_: np.array([1.5, 2.0]))
    kept = training.gated_cosines
    monkeypatch.setattr(training, "gated_cosines", lambda F, gates: seen.append(F) or kept(F, gates))
    loss = training.affinity_loss(
        SagaConfig(channels=D, gated=False), [None, given], training.ScaleQuantiles.of(np.array([1.0, 2.0])),
        neighbours, np.array([2.0, 1.0]),
    )  # fmt: skip
    extra = {"gate_weight": torch.zeros(D), "gate_bias": torch.zeros(D)}
    loss(TrainStep(0, 0.0, frame, features, extra, {}, seeded(3)))
    half = torch.randperm(K, generator=seeded(3))[: K // 2]
    f = np.stack([unit(row) for row in features.double().numpy()])
    smooth = np.stack([unit(np.mean([f[j] for j in row], axis=0)) for row in neighbours[:, half].tolist()])
    rows = frame.view.rows(pixels)
    share = np.zeros((len(pixels), N))
    share[:, rows.gaussian_ids.numpy()] = rows.blend(torch.eye(len(rows.gaussian_ids))).numpy()
    expected = share @ smooth
    assert seen[0].numpy() == pytest.approx(expected, abs=1e-5)
    assert np.linalg.norm(expected, axis=1).max() <= 1


def test_saga_12_13_a_click_asks_by_its_gated_cosine() -> None:
    generator = seeded(4)
    features, clicks = torch.randn((20, 6), generator=generator), torch.randn((3, 6), generator=generator)
    gates = torch.rand(6, generator=generator)
    found = similarities(features, features.square(), gates, clicks).amax(dim=1)
    g = gates.double().numpy()
    for row, f in zip(found.tolist(), features.double().numpy(), strict=True):
        asked = [unit(g * f) @ unit(g * c) for c in clicks.double().numpy()]
        assert row == pytest.approx(max(asked), abs=1e-5)


def test_saga_14_masks_ask_and_stand_for_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    toy, D = gaussian_toy(), 4
    views = gaussian_views(toy.scene, torch.device("cpu"))
    features = torch.nn.functional.normalize(
        torch.randn((len(views.gaussians), D), generator=seeded(5)), dim=1
    )
    w, b = torch.randn((2, D), generator=seeded(6))
    affinity = Affinity(features, features.square(), w, b, True, np.ones(len(features), np.float32))
    held: list[np.ndarray] = []
    kept = text.mask_distances
    monkeypatch.setattr(text, "mask_distances", lambda anchors: held.append(anchors) or kept(anchors))
    scales = np.full((4, 6), np.nan)
    scales[:2, 0], scales[2, 1] = 0.2, 0.9
    voted = text.vote(affinity, views, toy.masks, scales, cancel=CancelToken(), generator=seeded(7))
    anchors = torch.randperm(len(features), generator=seeded(7))[: text.LEAST_ANCHORS].numpy()
    f = features.double().numpy()
    frames = training_frames(toy.scene, max_side=96 // text.SHRINK)
    assert voted.places.tolist() == [[0, 1], [1, 1], [2, 2]]
    for row, (view, object_id) in enumerate(voted.places.tolist()):
        frame = frames[view]
        opened = np.array([sigmoid(float(w[d]) * voted.scales[row] + float(b[d])) for d in range(D)])
        inside = frame.shrunk(toy.masks.mask(view, object_id)) & (frame.view.alpha.numpy() >= 0.5)
        F = frame.view.render(features).double().numpy()[inside]
        f_M = unit(np.mean([unit(opened * pixel) for pixel in F], axis=0))
        assert voted.features[row].numpy() == pytest.approx(f_M, abs=1e-5)
        likeness = np.array([unit(opened * f[a]) @ f_M for a in anchors])
        sure = np.abs(likeness - 0.5) > 1e-5
        assert np.array_equal(held[0][row][sure], (likeness > 0.5)[sure])


def test_saga_15_a_cluster_is_as_relevant_as_its_masks() -> None:
    rng = np.random.default_rng(0)
    relevancies, clusters = rng.random(30), rng.integers(-1, 4, 30)
    for one in elect(relevancies, clusters, least=-1.0):
        own = [r for r, c in zip(relevancies.tolist(), clusters.tolist(), strict=True) if c == one.cluster]
        assert one.score == pytest.approx(sum(own) / len(own), rel=1e-12)


def test_proto_saga_1_2_what_lies_in_front_takes_its_share() -> None:
    """Each splat's own alpha is taken from a picture of it alone; the composition is done here."""
    scene, eye = random_scene(14, seed=2), camera(20, 12)
    values = torch.randn((14, 3), generator=seeded(8), dtype=torch.float64)
    depth = scene.means[:, 2] * float(eye.world_to_camera[2, 2]) + float(eye.world_to_camera[2, 3])
    alone = []
    means, quats, scales, opacities = scene.means, scene.quats, scene.scales, scene.opacities
    for i in range(14):
        only = slice(i, i + 1)
        one = type(scene)(means[only], quats[only], scales[only], opacities[only], None)
        alone.append(rasterize(one, [eye], backend="reference").alpha[0].numpy())
    expected, through = np.zeros((12, 20, 3)), np.ones((12, 20))
    for i in torch.argsort(depth).tolist():
        if depth[i] > 0:
            expected += (alone[i] * through)[..., None] * values[i].numpy()
            through = through * (1 - alone[i])
    found = rasterize(
        type(scene)(means, quats, scales, opacities, None), [eye], features=values, backend="reference"
    ).features
    assert found is not None and through.min() > 1e-3, "nothing is cut off behind what is nearly opaque"
    assert found[0].numpy() == pytest.approx(expected, abs=1e-10)


def test_proto_saga_4_9_chances_of_labels() -> None:
    generator = seeded(9)
    w = torch.randn((3, 4), generator=generator, dtype=torch.float64)
    F = torch.randn((6, 3), generator=generator, dtype=torch.float64)
    found = probabilities(w, F, tau=7.0)
    for f, row in zip(F.numpy(), found.numpy(), strict=True):
        powers = [math.exp(7.0 * (unit(f) @ unit(w[:, t].numpy()))) for t in range(4)]
        assert row == pytest.approx(np.array(powers) / sum(powers), rel=1e-6)


def test_proto_saga_7_to_12_the_association() -> None:
    """Sets of numbers, as printed, on label maps that cut the toy otherwise in each photo."""
    toy, rng = gaussian_toy(), np.random.default_rng(1)
    means = toy.gaussians.means.astype(np.float64)
    cameras = [view.camera for view in toy.scene.views]
    counts = [3, 5, 4, 6]
    labels = []
    for k, image in enumerate(toy.instance):
        cut = image + (np.arange(image.shape[1]) > 20 * k) * (k % 3)
        floor = counts[k] if k == 1 else 0  # what no photo showed before founds an entry
        labels.append(np.where(image > 3, floor, np.minimum(cut, counts[k])))
    labels = [image.astype(np.int32) for image in labels]
    chances = [rng.random((len(means), count)).astype(np.float32) for count in counts]
    found = associate_masks(
        cameras, labels, counts, means, AssociationConfig(), probabilities=chances, generator=seeded(0)
    )
    banks: list[set[int]] = []
    for k, (eye, image) in enumerate(zip(cameras, labels, strict=True)):
        at = means @ eye.world_to_camera[:3, :3].T + eye.world_to_camera[:3, 3]
        for t in range(1, counts[k] + 1):
            own = []
            for i, (x, y, z) in enumerate(at):
                if z > 0:
                    u, v = eye.K[0, 0] * x / z + eye.K[0, 2], eye.K[1, 1] * y / z + eye.K[1, 2]
                    if 0 <= u < eye.width and 0 <= v < eye.height and image[int(v), int(u)] == t:
                        own.append(i)
            near = sorted(own, key=lambda i: (at[i, 2], i))
            likely = sorted(own, key=lambda i: (-float(chances[k][i, t - 1]), i))
            chosen = {
                i for ranked in (near, likely) for rank, i in enumerate(ranked) if 10 * rank < 2 * len(own)
            }
            if not chosen:
                assert found.objects[k][t] == 0
                continue
            gamma = [len(chosen & bank) / len(chosen) for bank in banks]
            if k and gamma and max(gamma) > 0.1:
                joined = gamma.index(max(gamma))
                banks[joined] |= chosen
            else:
                joined = len(banks)
                banks.append(chosen)
            assert found.objects[k][t] == joined + 1
    assert list(found.sizes) == [len(bank) for bank in banks] and len(banks) > 3


def test_proto_saga_13_14_15_prototypes_and_their_labels() -> None:
    rng = np.random.default_rng(2)
    maps, F = rng.integers(0, 4, (3, 50)), rng.normal(size=(3, 50, 5))
    maps[1][maps[1] == 2] = 0  # one photo without an object
    stacked = [view_means(torch.from_numpy(f), torch.from_numpy(m), 3) for f, m in zip(F, maps, strict=True)]
    means, pixels = (torch.stack([pair[i] for pair in stacked]) for i in range(2))
    found, exists = ensemble(means, pixels)
    expected = []
    for t in (1, 2, 3):
        own = [f[m == t].sum(axis=0) / (m == t).sum() for f, m in zip(F, maps, strict=True) if (m == t).any()]
        expected.append(sum(own) / len(own))
    assert found.numpy() == pytest.approx(np.stack(expected), rel=1e-10) and bool(exists.all())
    asked = rng.normal(size=(30, 5))
    labels, best = cosine_labels(found, exists, torch.from_numpy(asked))
    for label, value, f in zip(labels.tolist(), best.tolist(), asked, strict=True):
        cosines = [float(unit(v) @ unit(f)) for v in expected]
        assert label == 1 + cosines.index(max(cosines))
        assert value == pytest.approx(max(cosines), rel=1e-6)


@pytest.mark.parametrize(("reduction", "times"), [("sum", 1), ("sum_ordered", 2)])
def test_unic_lift_2_the_printed_sums(reduction, times: int) -> None:
    generator = seeded(10)
    Y = torch.rand((60, 4), generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 5, (60,), generator=generator)
    within = apart = 0.0
    means = {}
    for j in range(1, 5):
        own = Y[labels == j].numpy()
        means[j] = own.sum(axis=0) / len(own)
        within += sum(float(((y - means[j]) ** 2).sum()) for y in own)
    for i, mean in means.items():
        apart += sum(float(((mean - other) ** 2).sum()) for j, other in means.items() if j > i)
    found = cluster_loss(Y, labels, reduction=reduction, min_pixels=1)
    assert float(found) == pytest.approx(within - times * apart, rel=1e-10)


def test_unic_lift_8_9_codes() -> None:
    V = np.random.default_rng(3).normal(size=(200, 12)).astype(np.float32)
    V[0], V[1, ::2] = 0, 0
    expected = [sum(2**k for k in range(12) if sigmoid(float(v[k])) > 0.5) for v in V]
    assert codes_of(V).tolist() == expected


def test_wildseg3d_2_pixels_in_the_world() -> None:
    rng = np.random.default_rng(4)
    (eye, *_), pixels = (view.camera for view in gaussian_toy().scene.views), rng.uniform(0, 70, (20, 2))
    depths = rng.uniform(0.5, 4, 20)
    found = unproject(eye, pixels, depths)
    for (x, y), depth, p in zip(pixels.tolist(), depths.tolist(), found, strict=True):
        in_camera = np.linalg.inv(eye.K) @ np.array([x * depth, y * depth, depth])
        expected = np.linalg.inv(eye.world_to_camera) @ np.append(in_camera, 1.0)
        assert p == pytest.approx(expected[:3], rel=1e-9, abs=1e-12)


def test_wildseg3d_9_the_gauge() -> None:
    raw = torch.randn(9, generator=seeded(11), dtype=torch.float64)
    found = gauged_log_scales(raw)
    mean = sum(raw.tolist()) / 9
    assert found.tolist() == pytest.approx([s - mean for s in raw.tolist()], rel=1e-12)
    assert math.prod(math.exp(s) for s in found.tolist()) == pytest.approx(1.0, rel=1e-12)
