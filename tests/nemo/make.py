"""Have NeMo write the small models of this folder, and answer: ``python tests/nemo/make.py`` with nemo-toolkit installed.

Of each family of ``families.py`` NeMo writes ``FAMILY.nemo`` with random weights. ``answers-VERSION.npz`` has its log-probs of
the first samples of a bundled clip, with the version that runs: run it again with another to have another file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from families import FAMILIES, configuration  # noqa: E402

from asrquant.base.torchaudio_stand_in import ensure_torchaudio  # noqa: E402

SAMPLES = (9_007, 27_277)
"""Lengths of what is heard."""


def heard() -> np.ndarray:
    """The first of the bundled clips."""
    from asrquant import example_clips

    return np.asarray(example_clips()[0].audio().samples)


def build(family: str, seed: int):
    """A model of NeMo's with weights whose answers differ from frame to frame."""
    from nemo.utils import model_utils
    from omegaconf import OmegaConf

    said = configuration(family)
    torch.manual_seed(seed)
    model = model_utils.import_class_by_path(said["target"])(cfg=OmegaConf.create(said))
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            tensor.normal_(0, 0.2)
        elif "decoder_layers" in name:
            tensor.mul_(4)
    return model


@torch.no_grad()
def answer(model, samples: np.ndarray) -> np.ndarray:
    """NeMo's log-probs [F, V] of one clip, those frames that count."""
    model.eval()
    wave, length = torch.from_numpy(samples.copy())[None], torch.tensor([len(samples)])
    features, counted = model.preprocessor(input_signal=wave, length=length)
    encoded, frames = model.encoder(audio_signal=features, length=counted)
    head = model.ctc_decoder if hasattr(model, "ctc_decoder") else model.decoder
    return head(encoder_output=encoded)[0, : int(frames[0])].numpy()


def main() -> None:
    """Write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers-only", action="store_true", help="leave the models as they are")
    parser.add_argument("families", nargs="*", default=list(FAMILIES))
    args = parser.parse_args()
    ensure_torchaudio()
    import nemo
    from nemo.collections.asr.models import ASRModel

    found: dict[str, np.ndarray] = {}
    for number, family in enumerate(args.families):
        path = HERE / f"{family}.nemo"
        if not args.answers_only:
            build(family, number).save_to(str(path))
        model = ASRModel.restore_from(str(path), map_location="cpu")
        for count in SAMPLES:
            found[f"{family} {count}"] = answer(model, heard()[:count])
        print(
            family,
            path.stat().st_size,
            {key: value.shape for key, value in found.items() if key.startswith(family + " ")},
        )
    np.savez_compressed(HERE / f"answers-{nemo.__version__}.npz", **found)


if __name__ == "__main__":
    main()
