"""Methods, one file each. Importing this package registers ours; see `liftlab.pipelines.base`."""

from liftlab.pipelines.methods import contrastive_lift, gaga, proto_saga, unic_lift, wildseg3d  # noqa: F401
from liftlab.pipelines.methods.saga import method as saga  # noqa: F401
