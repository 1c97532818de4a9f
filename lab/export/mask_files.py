"""Exports of an object's masks: a picture per photo, and COCO."""

from pathlib import Path
from typing import TYPE_CHECKING

from liftlab.components.files import inside
from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest

if TYPE_CHECKING:
    from liftlab.session.session import ObjectState


def write_masks(request: ExportRequest, folder: Path) -> None:
    for state in request.objects:
        write_object_masks(request, state, folder)


def write_coco(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    scene, session = request.scene, request.session
    registered = [name for name in scene.photo_sizes if name not in scene.missing]
    named = [
        export.NamedMasks(state.name, {name: session.photo_mask(state.id, name) for name in registered})
        for state in request.objects
    ]
    export.write_coco(folder / COCO.file, scene.photo_sizes, named)


def write_object_masks(request: ExportRequest, state: "ObjectState", folder: Path) -> None:
    """masks/OBJECT/STEM.png of one object, for every photo."""
    from liftlab.components.export import write_mask_png

    masks = inside(folder, "masks", state.name)
    masks.mkdir(parents=True)
    for name in request.scene.photo_sizes:
        write_mask_png(inside(masks, f"{stem(name)}.png"), request.session.photo_mask(state.id, name))


def stem(photo: str) -> str:
    """A photo's name without its ending."""
    return photo.rsplit(".", 1)[0]


MASKS = EXPORT_FORMATS.register(
    ExportFormat(
        name="masks",
        title="Masks, every photo",
        short="PNG",
        summary="Masks in every photo (PNG)",
        media_type="image/png",
        file="masks/OBJECT/STEM.png",
        write=write_masks,
        content="as above",
        opens_in="anything",
        needs_place=False,
        purpose="training",
    )
)
COCO = EXPORT_FORMATS.register(
    ExportFormat(
        name="coco",
        title="Masks with names",
        short="COCO",
        summary="Masks with names (COCO JSON): mug 1 and mug 2 are two mugs, unnamed ones instances of object",
        media_type="application/json",
        file="coco.json",
        write=write_coco,
        content="compressed RLE; the category is the object's name without a number at its end (`mug 1` and `mug 2` "
        "are two mugs, unnamed objects instances of `object`), `object` in each annotation the whole name and "
        " `instance_id` its number, the same in all photos; photos without the object have no annotation",
        opens_in="pycocotools, CVAT",
        needs_place=False,
        purpose="training",
    )
)
