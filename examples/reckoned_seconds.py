"""How near the seconds that the list of models expects are to measured ones: python examples/reckoned_seconds.py.

Encoders of the shapes that the list has, with random weights, float32, clips of several lengths. Prints Markdown.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from asrquant.base.tables import markdown
from asrquant.base.torchaudio_stand_in import ensure_torchaudio
from asrquant.measure.compare import this_machine
from asrquant.measure.reckoned import SHARE, operations_a_second, products_a_second, reckoned_seconds

LENGTHS, ROUNDS = (5, 10), 3
LARGE = {
    "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096,
    "feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True,
}  # fmt: skip


def seconds(encoder: torch.nn.Module, length: int) -> float:
    """The median round, after one that warms up."""
    wave, took = torch.randn(1, length * 16_000), []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        with torch.inference_mode():
            encoder(wave)
        took.append(time.perf_counter() - begun)
    return sorted(took[1:])[ROUNDS // 2]


def main() -> None:
    ensure_torchaudio()
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    rows = []
    for name, shape in (("wav2vec2-base", {}), ("wav2vec2-large", LARGE)):
        encoder = Wav2Vec2Model(Wav2Vec2Config(**shape)).eval()
        parameters = sum(weight.numel() for weight in encoder.parameters())
        for length in LENGTHS:
            measured = seconds(encoder, length)
            share = length * operations_a_second(parameters) / measured / products_a_second()
            rows.append(
                {
                    "shape": name,
                    "parameters (M)": f"{parameters / 1e6:.0f}",
                    "clip (s)": length,
                    "expected (s)": f"{reckoned_seconds(parameters, length):.2f}",
                    "measured (s)": f"{measured:.2f}",
                    "share of a product's speed": f"{share:.2f}",
                }
            )
    print(markdown(pd.DataFrame(rows)))
    print(
        f"\nA large matrix product: {products_a_second() / 1e9:.0f} GFLOP/s; the share that is reckoned with is {SHARE}."
    )
    print(f"{this_machine('')}; load of the machine: {os.getloadavg()[0]:.1f} of {os.cpu_count()} CPUs")


if __name__ == "__main__":
    main()
