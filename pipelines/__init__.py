"""Methods, one file each. Importing this package registers ours; see `pipelines.base`."""

from pipelines import wildseg3d  # noqa: F401
