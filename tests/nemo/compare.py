"""Ask NeMo itself again: ``make test-nemo``, where nemo-toolkit is installed. Any version will do, and says which it is.

Its log-probs of the models in this folder, of other ``.nemo`` files that are named, and of models that are built anew with other
weights are compared with asrquant's, and so are the texts of ``transcribe`` for clips of a second and more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from families import FAMILIES  # noqa: E402
from make import SAMPLES, answer, build, heard  # noqa: E402

import asrquant  # noqa: E402
from asrquant.base.torchaudio_stand_in import ensure_torchaudio  # noqa: E402
from asrquant.sources.nemo.config import features_of  # noqa: E402
from asrquant.text.vocabulary import tidy  # noqa: E402

TOLERANCE = 1e-4
SEED = 100
"""Of the models that are built anew; those in this folder have others."""


def compared(path: Path, version: str) -> list[str]:
    """What differs, in words; nothing where all is the same."""
    from nemo.collections.asr.models import ASRModel

    recognizer = asrquant.load(str(path), nemo_features=features_of(version))
    model = ASRModel.restore_from(str(path), map_location="cpu")
    wrong = []
    for count in (*SAMPLES, 40_123):
        samples = heard()[:count]
        wanted = answer(model, samples)
        with torch.inference_mode():
            got = recognizer.encoder(torch.from_numpy(samples.copy())[None])[0].numpy()
        if got.shape != wanted.shape:
            wrong.append(f"{count} samples: {got.shape} instead of {wanted.shape}")
        elif (far := float(np.abs(got - wanted).max())) > TOLERANCE:
            wrong.append(f"{count} samples: {far:.2g} apart")
        if count < 16_000 or hasattr(model, "ctc_decoder"):
            continue
        found = model.transcribe([samples], verbose=False)
        text = getattr(found[0], "text", found[0])
        model.eval()  # which transcribe leaves undone
        if tidy(text) != recognizer.with_decoder("greedy").decoder(torch.from_numpy(wanted)):
            wrong.append(f"{count} samples: another text than {text!r}")
    return wrong


def main() -> int:
    """Compare; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help=".nemo files beside those of this folder")
    args = parser.parse_args()
    ensure_torchaudio()
    try:
        import nemo
    except ImportError:
        sys.exit("nemo-toolkit is not installed; install it with: pip install nemo-toolkit[asr]")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for number, family in enumerate(FAMILIES):
            anew = Path(folder) / f"{family}-anew.nemo"
            build(family, SEED + number).save_to(str(anew))
        for path in [*sorted(HERE.glob("*.nemo")), *sorted(Path(folder).glob("*.nemo")), *args.files]:
            wrong = compared(path, nemo.__version__)
            failed = failed or bool(wrong)
            print(f"NeMo {nemo.__version__}, {path.name}: {'; '.join(wrong) or 'the same'}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
