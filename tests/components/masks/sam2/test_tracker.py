"""SAM 2.1's tracker with random weights: the same masks as Meta's own, later objects, resumed after a stop."""

import cv2
import numpy as np
import pytest
import torch

from liftlab.components.errors import Cancelled
from liftlab.components.masks.sam2.network import Embedding, Sam2Network
from liftlab.components.masks.sam2.tracker import Sam2TrackerConfig, Sam2VideoTracker
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.progress import CancelToken
from liftlab.components.types import MaskSet
from tests.tiny_sam2 import CONFIG, CPU, OVERRIDES
from tests.toy import Toy


def images_of(toy: Toy) -> list[np.ndarray]:
    return [view.image for view in toy.scene.views]


def empty_set(toy: Toy) -> MaskSet:
    return MaskSet(np.zeros((0, *toy.instance.shape[1:]), bool), np.zeros(0, np.float32))


def test_a_mask_is_followed_as_the_published_tracker_does(network: Sam2Network, toy: Toy) -> None:
    from sam2.build_sam import build_sam2_video_predictor

    images, start = images_of(toy), 1
    seed = toy.instance[start] == 1
    proposals = [empty_set(toy)] * 4
    proposals[start] = MaskSet(seed[None], np.ones(1, np.float32))
    tracked = Sam2VideoTracker(network, Sam2TrackerConfig(key_view=start)).follow(images, proposals)
    assert len(tracked) == 1 and np.array_equal(tracked[0].masks[start], seed)

    reference = build_sam2_video_predictor(CONFIG, None, device="cpu", hydra_overrides_extra=list(OVERRIDES))
    reference.load_state_dict(network.model.state_dict())
    reference.fill_hole_area = 0
    embeddings = [network.embed(image) for image in images]
    state = _state_of(reference, network, embeddings)
    found = {}
    with network.running():
        reference.add_new_mask(state, start, 1, seed)
        for reverse in (False, True):
            for frame, _, logits in reference.propagate_in_video(state, start, reverse=reverse):
                found[frame] = (logits[0, 0] > 0).float().numpy() > 0
    for view in (0, 2, 3):
        ours, theirs = tracked[0].masks[view], found[view]
        assert (ours == theirs).mean() > 0.97
    assert 0 < tracked[0].masks[0].mean() < 1
    sure = tracked[0].certainty
    assert sure[start] is None and sure[2] is not None
    grown = cv2.resize(sure[2], tracked[0].masks[2].shape[::-1], interpolation=cv2.INTER_LINEAR)
    assert ((grown > 127) == tracked[0].masks[2]).mean() > 0.97  # a half is the outline


def _state_of(predictor, network: Sam2Network, embeddings: list[Embedding]) -> dict:
    """The published tracker's own state, with our embeddings in place of its video reader's frames."""
    import collections

    state = {
        "images": [torch.zeros(3, 1, 1)] * len(embeddings), "num_frames": len(embeddings),
        "offload_video_to_cpu": False, "offload_state_to_cpu": False,
        "video_height": embeddings[0].size[0], "video_width": embeddings[0].size[1],
        "device": CPU, "storage_device": CPU, "constants": {}, "obj_ids": [],
        "obj_id_to_idx": collections.OrderedDict(), "obj_idx_to_id": collections.OrderedDict(),
    }  # fmt: skip
    for name in ("point_inputs_per_obj", "mask_inputs_per_obj", "output_dict_per_obj", "temp_output_dict_per_obj",
                 "frames_tracked_per_obj"):  # fmt: skip
        state[name] = {}
    state["cached_features"] = {
        i: (torch.zeros(1, 3, 1, 1), {"backbone_fpn": list(e.levels), "vision_pos_enc": network.positions(e)})
        for i, e in enumerate(embeddings)
    }
    return state


def test_objects_that_appear_later_are_opened_once(network: Sam2Network, toy: Toy) -> None:
    proposals = [empty_set(toy)] * 4
    first, second = toy.instance[0] == 1, toy.instance[2] == 3
    proposals[0] = MaskSet(first[None], np.array([0.9], np.float32))
    tracker = Sam2VideoTracker(network)
    alone = tracker.follow(images_of(toy), proposals)
    covered = alone[0].masks[2]
    speck = np.zeros_like(second)
    speck[:5, :5] = True
    proposals[2] = MaskSet(np.stack([second, covered | second, speck]), np.array([0.8, 0.7, 0.6], np.float32))
    objects = tracker.follow(images_of(toy), proposals)
    free = (second & ~covered).sum() / second.sum()
    assert [(o.first_view, round(o.score, 1)) for o in objects][:1] == [(0, 0.9)]
    later = [o for o in objects if o.first_view == 2]
    assert (len(later) > 0) == bool(
        free >= 0.5 or (second & ~covered).sum() >= 0.5 * (covered | second).sum()
    )
    assert all(o.masks[2].sum() >= 100 for o in later)


def test_a_stopped_run_goes_on_with_the_next_object(
    network: Sam2Network, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = np.stack([toy.instance[0] == 1, toy.instance[0] == 2, toy.instance[0] == 3])
    proposals = [MaskSet(masks, np.ones(3, np.float32))] + [empty_set(toy)] * 3
    steps: list[int] = []
    track = network.model.track_step

    def counted(**given):
        steps.append(given["frame_idx"])
        return track(**given)

    monkeypatch.setattr(network.model, "track_step", counted)
    token = CancelToken()

    def stop(share: float, text: str = "") -> None:
        if "1 of 3" in text:
            token.cancel()

    config = Sam2TrackerConfig(objects_per_pass=1)
    with pytest.raises(Cancelled):
        Sam2VideoTracker(network, config).follow(images_of(toy), proposals, progress=stop, cancel=token)
    assert len(steps) == 4
    fresh = Sam2Network(network.model, "tiny", ResultCache(network.results.folder))
    objects = Sam2VideoTracker(fresh, config).follow(images_of(toy), proposals)
    assert len(objects) == 3 and len(steps) == 12
    together = Sam2VideoTracker(Sam2Network(network.model, "tiny", ResultCache(None))).follow(
        images_of(toy), proposals
    )
    for a, b in zip(objects, together, strict=True):
        assert np.mean([(x == y).mean() for x, y in zip(a.masks, b.masks, strict=True)]) > 0.97
