"""How sure a model is of what it heard in a clip: from its log-probs to the share of words that are right at such log-probs.

The mean of the chosen labels' probability over the frames that are not blank says how clear-cut a model's answer is. A model is
surer than it is right, so a curve that was fitted on clips of held-out speakers (Platt scaling: J. Platt, "Probabilistic outputs
for support vector machines", 1999) makes of it the share of words that were right there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Confidence:
    """Of one model in one clip.

    Attributes:
        share: of words that were right in clips like this one, by the calibration; 0 to 1.
        doubtful: whether it is lower than nearly all clips of the kind that the model was made for have it.
        knows: what the model was made for, in words.
    """

    share: float
    doubtful: bool
    knows: str


@dataclass(frozen=True)
class Calibration:
    """From the mean probability of the chosen labels to a ``Confidence``.

    Attributes:
        slope: of the curve 1 / (1 + exp(-(slope * logit + intercept))), where logit is that of the mean probability.
        intercept: of the same.
        doubt: share under which a clip is doubtful.
        knows: what the model was made for, in words that follow "it knows".
    """

    slope: float
    intercept: float
    doubt: float
    knows: str

    def confidence(self, log_probs: torch.Tensor, blank: int) -> Confidence | None:
        """How sure the model is, from its log-probs [F, V]; None where every frame is blank, which is nobody's word."""
        mean = label_probability(log_probs, blank)
        if mean is None:
            return None
        share = 1 / (1 + math.exp(-(self.slope * logit(mean) + self.intercept)))
        return Confidence(share, share < self.doubt, self.knows)


def label_probability(log_probs: torch.Tensor, blank: int) -> float | None:
    """Mean probability of the best label over the frames of log-probs [F, V] in which that is not the blank; None without any."""
    best, labels = log_probs.float().max(-1)
    spoken = best[labels != blank]
    return float(spoken.exp().mean()) if len(spoken) else None


def logit(probability: float) -> float:
    """ln(p / (1 - p)), of a probability that is kept a millionth away from 0 and 1."""
    kept = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(kept / (1 - kept))
