"""Colours of the 3D view, layers over a photo, and heat."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.engine.lab import Lab
from liftlab.pictures.layers import layer_jpeg, layers_of, picture_of
from liftlab.pictures.overlays import disagreement_png, photo_lookup
from liftlab.pictures.palette import PALETTE, rgb
from liftlab.session.session import Session
from liftlab.view3d.frame import scene_colours, tint
from liftlab.view3d.tones import label_colours, offers_features, tone_colours
from tests.toy import make_toy
from tests.toy_workspace import NAME

TOY = make_toy()
SPLATS = replace(
    TOY.scene,
    gaussians=gaussians_from_pointmap(TOY.scene.pointmap, TOY.scene.views, count=6000),
    gaussians_key="pictures",
)


def test_every_label_has_its_colour_and_the_rest_is_grey() -> None:
    labels = np.array([0, 7, 7, 3])
    colours = np.full((4, 3), 100, np.uint8)
    out = label_colours(labels, colours)
    assert (out[0] == out[0, 0]).all()
    assert (out[1] == tint(colours[:1], rgb(PALETTE[1]))[0]).all() and (out[1] == out[2]).all()
    assert (out[3] == tint(colours[:1], rgb(PALETTE[0]))[0]).all()


@pytest.mark.parametrize("tone", ["objects", "depth", "normals"])
def test_every_point_gets_a_colour_of_the_tone(shared_lab: Lab, tone: str) -> None:
    session = Session(shared_lab)
    session.open(NAME)
    colours = tone_colours(session, tone, "points")  # type: ignore[arg-type]
    assert colours.shape == (len(session.need_scene().pointmap.points), 3)
    assert len(np.unique(colours, axis=0)) > 10
    assert tone_colours(session, tone, "points") is colours, "made once"  # type: ignore[arg-type]


@pytest.mark.parametrize("scene", [TOY.scene, SPLATS], ids=["points", "splats"])
def test_layers_have_the_size_of_the_photo(scene) -> None:
    view = scene.views[1]
    for layer in layers_of(scene):
        jpeg = layer_jpeg(scene, view.name, layer, 48, photo_lookup(view, 48))
        assert Image.open(io.BytesIO(jpeg)).size == (48, 36)


def test_untrained_splats_have_the_colours_of_the_boxes() -> None:
    drawn, photo = picture_of(SPLATS, 0, "render"), SPLATS.views[0].image
    for box, strongest in ((1, 0), (2, 2), (3, 1)):
        inside = TOY.instance[0] == box
        assert drawn[inside].mean(axis=0).argmax() == photo[inside].mean(axis=0).argmax() == strongest


def test_heat_is_clear_where_all_agree_and_strong_where_they_do_not() -> None:
    view = TOY.scene.views[0]
    values = np.zeros(view.image.shape[:2], np.float32)
    values[10:20, 30:50] = 1.0
    values[40:50, 30:50] = 0.3
    png = Image.open(io.BytesIO(disagreement_png(values, photo_lookup(view, view.lens.width)))).convert(
        "RGBA"
    )
    alpha = np.asarray(png)[..., 3]
    assert alpha[values == 0].max() == 0
    assert alpha[values == 1].min() == 220 and 50 < alpha[45, 40] < 100


def test_learnt_features_colour_the_splats_and_leave_points_as_they_are(
    shared_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(shared_lab)
    session.open(NAME)
    assert not offers_features(session), "a lookup has learnt nothing"
    learnt = np.arange(12, dtype=np.uint8).reshape(4, 3)
    monkeypatch.setattr(
        "liftlab.pipelines.methods.shared.feature_views.holds_features", lambda prepared: True
    )
    monkeypatch.setattr(
        "liftlab.pipelines.methods.shared.feature_views.feature_colours", lambda prepared, view: learnt
    )
    assert offers_features(session)
    assert tone_colours(session, "features", "splats") is learnt
    assert (tone_colours(session, "features", "points") == scene_colours(session.need_scene())).all()
