"""Colours of points and splats other than the photos': by object, by depth, by normal, by what a method learnt."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from liftlab.components.geometry.projection import transform
from liftlab.components.geometry.shading import depth_colours, normal_colours, normals_of
from liftlab.components.geometry.splat_links import values_for_gaussians
from liftlab.components.types import Array
from liftlab.engine.recent import Recent
from liftlab.pictures.palette import PALETTE, rgb
from liftlab.view3d.drawing import Tone
from liftlab.view3d.frame import scene_colours, tint
from liftlab.view3d.surfaces import SurfaceName, splat_colours

if TYPE_CHECKING:
    from liftlab.components.types import Scene
    from liftlab.search.panel import WordPanel
    from liftlab.session.session import Session

_colours: Recent[np.ndarray] = Recent(6)
"""Shared by everybody; of points, 3 bytes each."""


def tone_token(session: "Session", tone: Tone) -> tuple:
    """Changes when the colours of a tone do."""
    scene = session.scene
    key = (tone, scene.key if scene is not None else "")
    of_method = tone in ("objects", "features")
    return (*key, scene and scene.gaussians_key, session.method, repr(session.config)) if of_method else key


def offers_features(session: "Session") -> bool:
    """Whether the method has learnt a feature for every splat."""
    from liftlab.pipelines.methods.shared.feature_views import holds_features

    return session.prepared is not None and holds_features(session.prepared)


def tone_colours(session: "Session", tone: Tone, surface: SurfaceName) -> UInt8[Array, "N 3"]:
    """Colour of every primitive of a surface; Gaussians take that of the point they lie on."""
    scene = session.scene
    assert scene is not None
    if tone == "features":
        return _features(session, scene, surface)
    colours = _colours.get(tone_token(session, tone), lambda: _of_points(session, scene, tone))
    if surface == "points":
        return colours
    return values_for_gaussians(colours, session.nearest_points(), default=128)


def heat_colours(session: "Session", words: "WordPanel", surface: SurfaceName) -> UInt8[Array, "N 3"]:
    """What a search found, as heat over the scene; the photos' colours where nothing was searched."""
    scene = session.scene
    assert scene is not None
    colours = words.heat_in_3d(scene_colours(scene))
    if colours is None:
        return scene_colours(scene) if surface == "points" else splat_colours(scene.gaussians, scene)  # type: ignore[arg-type]
    return (
        colours
        if surface == "points"
        else values_for_gaussians(colours, session.nearest_points(), default=128)
    )


def _features(session: "Session", scene: "Scene", surface: SurfaceName) -> UInt8[Array, "N 3"]:
    """Main directions of a method's features as colours; the photos' colours where there are none, as on points."""
    from liftlab.pipelines.methods.shared.feature_views import feature_colours

    if surface == "points" or not offers_features(session):
        return scene_colours(scene) if surface == "points" else splat_colours(scene.gaussians, scene)  # type: ignore[arg-type]
    return _colours.get(tone_token(session, "features"), lambda: feature_colours(session.prepared, "pca"))


def _of_points(session: "Session", scene: "Scene", tone: Tone) -> UInt8[Array, "N 3"]:
    pointmap = scene.pointmap
    if tone == "objects":
        labels = session.decompose()
        if labels is None:
            return scene_colours(scene)
        found = [
            image[pointmap.valid[v, : image.shape[0], : image.shape[1]]] for v, image in enumerate(labels)
        ]
        return label_colours(np.concatenate(found), scene_colours(scene))
    if tone == "depth":
        depth = transform(scene.views[0].camera.world_to_camera, pointmap.points)[:, 2]
        return depth_colours(depth, depth > 0)
    normals = [
        normals_of(np.where(pointmap.valid[v][..., None], pointmap.pts3d[v], np.nan), view.camera)
        for v, view in enumerate(scene.views)
    ]
    return normal_colours(np.stack(normals)[pointmap.valid])


def label_colours(labels: np.ndarray, colours: UInt8[Array, "N 3"]) -> UInt8[Array, "N 3"]:
    """A colour per label over the photo's light and dark; grey light and dark for label 0."""
    out = tint(colours, (150, 150, 150))
    ids = np.unique(labels[labels > 0])
    for order, label in enumerate(ids.tolist()):
        members = labels == label
        out[members] = tint(colours[members], rgb(PALETTE[order % len(PALETTE)]))
    return out
