"""How far a quantized recognizer may be from the float one."""

from __future__ import annotations

from collections.abc import Sequence

from asrquant.data.dataset import Utterance
from asrquant.model.recognizer import Recognizer


def assert_near(
    original: Recognizer, quantized: Recognizer, clips: Sequence[Utterance], most: float, least: float
) -> None:
    """Mean absolute difference of a probability at most ``most``, share of frames with the same best label at least ``least``."""
    difference, same = [], []
    for clip in clips:
        audio = clip.audio()
        before, after = original.log_probs(audio), quantized.log_probs(audio)
        assert before.shape == after.shape
        difference.append((before.exp() - after.exp()).abs().mean().item())
        same.append((before.argmax(-1) == after.argmax(-1)).float().mean().item())
    assert sum(difference) / len(difference) <= most
    assert sum(same) / len(same) >= least
