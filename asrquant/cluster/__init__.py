"""The same work on many machines: Ray as the crew of a benchmark."""

from asrquant.cluster.connection import on_ray

__all__ = ["on_ray"]
