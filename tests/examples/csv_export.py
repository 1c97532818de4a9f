"""An example export format, as a package of its own would offer it: an object's points as a table."""

import numpy as np

from liftlab.export.formats import EXPORT_FORMATS, ExportFormat
from liftlab.export.point_files import object_cloud


def write(request, folder):
    for state in request.objects:
        cloud = object_cloud(request, state)
        rows = np.hstack([cloud.points, cloud.colours])
        np.savetxt(CSV.path(folder, state), rows, "%g", ",", header="x,y,z,red,green,blue", comments="")


CSV = EXPORT_FORMATS.register(
    ExportFormat(
        name="csv", title="Points as a table", short="CSV", summary="Points of the object as a table (CSV)",
        media_type="text/csv", file="OBJECT.csv", write=write,
        content="one row per point: `x y z`, `red green blue`", opens_in="spreadsheets",
    )
)  # fmt: skip
