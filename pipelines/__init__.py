"""Methods, one file each. Importing this package registers ours; see `pipelines.base`."""

from pipelines import contrastive_lift, gaga, proto_saga, saga, unic_lift, wildseg3d  # noqa: F401
