"""The layer: repositories and named calls over the one store that the settings choose."""

from datalayer.layer.data_layer import DataLayer
from datalayer.layer.envelope import Envelope, EnvelopeCalls
from datalayer.layer.scope import Scope

__all__ = ["DataLayer", "Envelope", "EnvelopeCalls", "Scope"]
