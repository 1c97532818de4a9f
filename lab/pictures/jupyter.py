"""What a notebook shows of an object and of a session: its outline over photos, and the scene in 3D.

Nothing here needs Jupyter: IPython calls `_repr_html_` and `_repr_png_` of whatever a cell ends with.
"""

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.components.types import Array
from liftlab.pictures.overlays import overlay_png, photo_jpeg
from liftlab.pictures.palette import rgb

if TYPE_CHECKING:
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session

PHOTOS_MOST = 3
"""Photos shown of an object: those in which most of it is seen."""
PHOTO_PX = 320
"""Their width."""
GAP_PX = 4
MAX_SPLATS, MAX_POINTS = 60_000, 80_000
"""Of an embedded scene: a notebook keeps what its cells show, and these are some 2 MB."""
PAGE_BYTES_MOST = 16 << 20
"""A larger page is not put into a notebook."""


def best_photos(state: "ObjectState") -> list[int]:
    """Views in which most pixels are the object's, the largest first; none without an answer."""
    pixels = [int(np.count_nonzero(mask)) for mask in state.masks]
    order = sorted(range(len(pixels)), key=lambda view: (-pixels[view], view))
    return [view for view in order if pixels[view]][:PHOTOS_MOST]


def outlined(state: "ObjectState", view: int) -> UInt8[Array, "h w 3"]:
    """A photo (undistorted, `PHOTO_PX` wide) with the object in its colour."""
    assert state.answer is not None
    image, mask = state.answer.scene.views[view].image, state.masks[view]
    size = (PHOTO_PX, max(round(image.shape[0] * PHOTO_PX / image.shape[1]), 1))
    small = Image.fromarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    inside = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST).view(bool)
    over = Image.open(io.BytesIO(overlay_png([(inside, rgb(state.colour), True)], *size))).convert("RGBA")
    return np.asarray(Image.alpha_composite(small.convert("RGBA"), over).convert("RGB"))


def object_png(state: "ObjectState") -> bytes | None:
    """The object over its best photos, side by side; None without an answer."""
    pictures = [outlined(state, view) for view in best_photos(state)]
    if not pictures:
        return None
    high = max(picture.shape[0] for picture in pictures)
    wide = len(pictures) * (PHOTO_PX + GAP_PX) - GAP_PX
    sheet = np.full((high, wide, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        left = place * (PHOTO_PX + GAP_PX)
        sheet[: picture.shape[0], left : left + PHOTO_PX] = picture
    out = io.BytesIO()
    Image.fromarray(sheet).save(out, "PNG", optimize=True)
    return out.getvalue()


def object_html(state: "ObjectState") -> str:
    """Name, counts and message of an object, and its best photos."""
    swatch = (
        f'<span style="display:inline-block;width:.8em;height:.8em;background:{escape(state.colour)}"></span>'
    )
    parts = [f"<div>{swatch} <b>{escape(state.name)}</b>: {escape(counts(state))}</div>"]
    if state.message:
        parts.append(f"<div>{escape(state.message)}</div>")
    for view in best_photos(state):
        assert state.answer is not None
        name = escape(state.answer.scene.views[view].name)
        jpeg = base64.b64encode(photo_jpeg(outlined(state, view), PHOTO_PX)).decode()
        parts.append(
            f'<img src="data:image/jpeg;base64,{jpeg}" alt="{escape(state.name)} in {name}" '
            f'title="{name}" style="display:inline-block;margin:{GAP_PX}px {GAP_PX}px 0 0">'
        )
    return "<div>" + "".join(parts) + "</div>"


def counts(state: "ObjectState") -> str:
    """What was asked and what was answered, in one line."""
    clicks = f"{len(state.clicks)} click{'' if len(state.clicks) == 1 else 's'}"
    if state.result is None:
        return f"{clicks}, nothing selected yet"
    what = "points" if state.result.geometry == "points" else "splats"
    seen = sum(bool(mask.any()) for mask in state.masks)
    return (
        f"{state.result.count:,} {what}, seen in {seen} of {len(state.masks)} photos, "
        f"{clicks}, {state.ms:.1f} ms"
    )


@dataclass(frozen=True)
class EmbeddedPage:
    """A page of its own inside a notebook's."""

    html: str
    height: int = 480
    """Pixels."""

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="The scene in 3D" '
            f'style="width:100%;height:{self.height}px;border:0"></iframe>'
        )

    def __repr__(self) -> str:
        return f"EmbeddedPage({len(self.html) / 1e6:.1f} MB, {self.height} px high)"


def view_of(session: "Session", *, height: int = 480) -> EmbeddedPage:
    """The session's scene in 3D with its objects lit: splats as they stand where there are some, else points.

    Raises:
        InputError: No scene is open, or the page is too large for a notebook.
    """
    from liftlab.export.splats import ObjectSplats  # these two bring torch: not for a session without a view
    from liftlab.export.static_viewer import scene_page

    scene = session.scene
    if scene is None or session.scene_name is None:
        raise InputError("No scene is open; choose one first.")
    answered = [state for state in session.objects if state.result is not None and not state.result.empty]
    if session.lab.scene(session.scene_name).gaussians is not None:
        shown, lit = ObjectSplats(session, "keep").lit(answered)
        page = scene_page(shown, lit, surface="splats", most=MAX_SPLATS)
    else:
        lit = [(rgb(state.colour), state.answer.selected("points")) for state in answered if state.answer]
        page = scene_page(scene, lit, surface="points", most=MAX_POINTS)
    if len(page) > PAGE_BYTES_MOST:
        raise InputError("The scene is too large for a notebook; export it as a page of its own ('viewer').")
    return EmbeddedPage(page, height)
