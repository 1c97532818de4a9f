"""Objects from predictions: scores, matrix NMS, queries; and the network's own laws."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.openvocab.inference import (
    InferenceConfig,
    best_of_each,
    connected_pieces,
    farthest_first,
    mask_ious,
    matrix_nms_decay,
    objects_of,
    touching,
)
from liftlab.components.openvocab.losses import Prediction
from liftlab.components.openvocab.network import NetworkConfig, OpenVocabNetwork, cut_at, mask_look
from liftlab.components.openvocab.scene_inputs import normalised, scene_inputs
from liftlab.components.openvocab.superpoints import RELATIONS

pytestmark = pytest.mark.usefixtures("one_torch_thread")
ONES = np.ones(6, np.int64)
CHAIN = np.array([[0, 1], [1, 2], [2, 3]])


def test_the_same_mask_twice_falls_to_nothing_and_others_stay() -> None:
    masks = np.array([[1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 0]], bool)
    assert matrix_nms_decay(masks, np.array([0.9, 0.8, 0.7]), ONES).tolist() == [1, 0, 1]


def test_matrix_nms_by_hand() -> None:
    masks = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 0]], bool)
    # IoUs: 1-2 .5, 1-3 .2, 2-3 .5; the second's own overlap .5 makes up for the third's with it.
    decay = matrix_nms_decay(masks, np.array([0.9, 0.8, 0.7]), ONES)
    assert np.allclose(decay, [1, 0.5, 0.8])
    assert np.allclose(mask_ious(masks, masks, ONES)[0], [1, 0.5, 0.2])


def test_no_masks_no_objects() -> None:
    none = np.zeros((0, 6), bool)
    assert len(matrix_nms_decay(none, np.zeros(0), ONES)) == 0
    assert best_of_each(none, np.zeros(0)).tolist() == [-1] * 6


def prediction() -> Prediction:
    masks = torch.tensor([[8.0, 8, -8, -8], [8, 8, -8, -8], [-8, -8, 8, -8], [-8, -8, -8, 8]])
    classes = torch.tensor([[6.0, 0, 0], [5, 0, 0], [0, 6, 0], [0, 0, 9]])
    embedding = torch.nn.functional.normalize(torch.arange(8.0).reshape(4, 2) + 1, dim=1)
    return Prediction(masks, classes, torch.tensor([0.9, 0.8, 0.7, 0.9]), embedding)


def test_objects_are_the_best_queries_of_each_place() -> None:
    found = objects_of(
        prediction(), np.array([0, 1, 2, 3]), np.array([20, 20, 50, 50]), InferenceConfig(), CHAIN
    )
    assert found.queries.tolist() == [0, 2]  # a twin is decayed, "no object" and faint ones are left out
    assert found.masks.tolist() == [[True, True, False, False], [False, False, True, False]]
    assert found.names.argmax(axis=1).tolist() == [0, 1] and np.allclose(found.names.sum(axis=1), 1)
    assert found.scores[0] == pytest.approx(0.9, abs=0.01)
    small = objects_of(
        prediction(), np.arange(4), np.array([20, 20, 50, 50]), InferenceConfig(min_points=45), CHAIN
    )
    assert small.queries.tolist() == [2]


def test_a_mask_keeps_the_piece_its_query_is_in() -> None:
    masks = np.array([[1, 1, 0, 1], [1, 1, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0]], bool)
    kept = connected_pieces(masks, np.array([3, 0, 2, 1]), CHAIN)
    assert kept.tolist() == [[0, 0, 0, 1], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    edges = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    assert touching(edges, np.array([0, 0, 1, 2])).tolist() == [[0, 1], [0, 2], [1, 2]]
    assert touching(edges[:1], np.zeros(2, int)).shape == (0, 2)


def test_queries_are_thinned_farthest_first() -> None:
    centres = np.array([[0, 0, 0], [0.1, 0, 0], [5, 0, 0], [9, 0, 0], [9.1, 0, 0.0]])
    assert farthest_first(centres, 3).tolist() == [0, 2, 4]
    assert farthest_first(centres, 9).tolist() == [0, 1, 2, 3, 4]


RELATIONS_OF_EIGHT = np.random.default_rng(3).random((8, 8, RELATIONS)).astype(np.float32)


def scene(order: np.ndarray | None = None):
    rng = np.random.default_rng(0)
    points, rgb = rng.normal(size=(40, 3)), rng.random((40, 3))
    neighbours = rng.integers(40, size=(40, 4))
    superpoint = np.arange(40) % 8
    images = rng.integers(0, 255, (2, 16, 24, 3)).astype(np.uint8)
    view, at = rng.integers(2, size=40), rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    order = np.arange(40) if order is None else order
    back = np.argsort(order)
    return scene_inputs(
        normalised(points)[order], rgb[order], points[order], back[neighbours[order]], superpoint[order], 8, images,
        view[order], at[order], RELATIONS_OF_EIGHT,
    )  # fmt: skip


@pytest.fixture(scope="module")
def network() -> OpenVocabNetwork:
    torch.manual_seed(0)
    return OpenVocabNetwork(
        NetworkConfig(dim=16, point_dim=8, layers=2, heads=2, features=4, text_dim=3)
    ).eval()


def test_the_order_of_points_does_not_matter(network: OpenVocabNetwork) -> None:
    first = network.tokens(scene())
    assert torch.allclose(first, network.tokens(scene(np.random.default_rng(1).permutation(40))), atol=1e-5)


def test_every_layer_predicts_and_queries_are_independent_of_names_elsewhere(
    network: OpenVocabNetwork,
) -> None:
    inputs = scene()
    text = torch.nn.functional.normalize(torch.randn(5, 3), dim=1)
    out = network.decode(network.tokens(inputs), torch.tensor([0, 3, 5]), text, inputs)
    assert len(out) == 3 and all(one.masks.shape == (3, 8) and one.classes.shape == (3, 6) for one in out)
    fewer = network.decode(network.tokens(inputs), torch.tensor([0, 3, 5]), text[:2], inputs)
    assert torch.equal(out[-1].masks, fewer[-1].masks)
    assert torch.allclose(out[-1].classes[:, :2], fewer[-1].classes[:, :2])
    assert all(torch.isfinite(one.masks).all() for one in out)


def test_a_query_that_blocks_everything_still_sees(network: OpenVocabNetwork) -> None:
    inputs = scene()
    far = inputs.centres + torch.tensor([[100.0, 0, 0]]) * torch.arange(8)[:, None]
    out = network.decode(
        network.tokens(inputs), torch.tensor([0]), torch.eye(3), replace(inputs, centres=far)
    )
    assert torch.isfinite(out[-1].masks).all() and torch.isfinite(out[-1].classes).all()


def test_masks_follow_relations_where_these_are_used(network: OpenVocabNetwork) -> None:
    inputs = scene()
    tokens, text = network.tokens(inputs), torch.eye(3)

    def masks(one: OpenVocabNetwork, relations: torch.Tensor) -> torch.Tensor:
        return one.decode(tokens, torch.tensor([0, 3]), text, replace(inputs, relations=relations))[-1].masks

    assert not torch.allclose(masks(network, inputs.relations), masks(network, inputs.relations * 0))
    torch.manual_seed(0)
    config = NetworkConfig(dim=16, point_dim=8, layers=2, heads=2, features=4, text_dim=3, kin=0)
    without = OpenVocabNetwork(config).eval()
    assert torch.equal(masks(without, inputs.relations), masks(without, inputs.relations * 0))


def test_queries_of_one_thing_say_together_what_it_holds() -> None:
    # Three queries of a thing of superpoints 0 and 1; the best of them misses 1, and says it is the second name.
    masks = torch.tensor([[4.0, -0.5, -8, -8], [4, 3, -8, -8], [4, 3, -8, -8], [-8, -8, 8, -8]])
    classes = torch.tensor([[0.0, 5, 0], [5, 0, 0], [5, 0, 0], [0, 6, 0]])
    embedding = torch.nn.functional.normalize(classes[:, :2] + 0.01, dim=1)
    said = Prediction(masks, classes, torch.tensor([0.95, 0.9, 0.9, 0.7]), embedding)
    sizes = np.array([50, 50, 50, 50])
    alone = objects_of(said, np.arange(4), sizes, InferenceConfig(threshold=0.4, vote=2.0), CHAIN)
    together = objects_of(said, np.arange(4), sizes, InferenceConfig(threshold=0.4, vote=0.5), CHAIN)
    assert alone.queries[0] == together.queries[0] == 0
    assert alone.masks[0].tolist() == [True, False, False, False] and alone.names[0].argmax() == 1
    assert together.masks[0].tolist() == [True, True, False, False] and together.names[0].argmax() == 0
    assert np.allclose(np.linalg.norm(together.embeddings, axis=1), 1, atol=1e-5)


def test_a_mask_is_seen_as_large_and_high_as_its_points() -> None:
    inputs = scene()
    tokens = torch.zeros(8, 2)
    whole = torch.full((1, 8), 20.0, requires_grad=True)
    seen = mask_look(whole, tokens, inputs)[0]
    spans, height, total = seen[16:19], seen[19], seen[21]  # after two of tokens and 14 of shapes
    points = inputs.points[:, :3].double()
    off = points - points.mean(dim=0)
    flat = torch.linalg.eigvalsh(off[:, :2].T @ off[:, :2] / len(off))
    wanted = torch.stack([flat[1], flat[0], (off[:, 2] ** 2).mean()]).log() / 6 + 1
    assert torch.allclose(spans.double(), wanted, atol=1e-4)
    assert height.item() == pytest.approx(points[:, 2].mean().item(), abs=1e-5)
    assert total.item() == pytest.approx(np.log(40) / 5, abs=1e-5)
    assert torch.equal(cut_at(torch.tensor([[-1.0, 0.1, 2]]), 0.5), torch.tensor([[-8.0, 8, 8]]))


def test_a_new_look_changes_nothing_and_masks_do_not_learn_from_it(network: OpenVocabNetwork) -> None:
    inputs, text = scene(), torch.eye(3)
    config = NetworkConfig(dim=16, point_dim=8, layers=2, heads=2, features=4, text_dim=3, looks=False)
    without = OpenVocabNetwork(config).eval()
    without.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith("look.")})
    queries = torch.tensor([0, 3])
    mine, other = (one.decode(one.tokens(inputs), queries, text, inputs)[-1] for one in (network, without))
    assert torch.allclose(mine.classes, other.classes) and torch.allclose(mine.objectness, other.objectness)
    assert mine.state is not None
    masks = mine.masks.detach().requires_grad_()
    network.judged(mine.state, masks, network.tokens(inputs), inputs).sum().backward()
    assert masks.grad is None
