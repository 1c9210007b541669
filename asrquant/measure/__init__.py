"""What quantization does: to a clip, to a data set, to each part of the model."""

from asrquant.measure.benchmark import benchmark
from asrquant.measure.compare import Comparison, compare
from asrquant.measure.deployment import Deployment, deploy
from asrquant.measure.divergence import Divergence
from asrquant.measure.layers import layers
from asrquant.measure.report import Report
from asrquant.measure.sensitivity import Sensitivity, sensitivity

__all__ = [
    "Comparison",
    "Deployment",
    "Divergence",
    "Report",
    "Sensitivity",
    "benchmark",
    "compare",
    "deploy",
    "layers",
    "sensitivity",
]
