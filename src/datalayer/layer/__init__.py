"""The layer: repositories and named calls over the stores that the settings choose."""

from datalayer.layer.data_layer import DataLayer
from datalayer.layer.envelope import Envelope, EnvelopeCalls
from datalayer.layer.health import DualHealth
from datalayer.layer.scope import Scope

__all__ = ["DataLayer", "DualHealth", "Envelope", "EnvelopeCalls", "Scope"]
