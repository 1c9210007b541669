"""Export every preset in every format and print what each weighs and how far it is from the live model, as a Markdown table.

python examples/artifact_sizes.py [--model an4]
"""

from __future__ import annotations

import argparse
import tempfile

import pandas as pd

import asrquant
from asrquant.base import terminal
from asrquant.base.tables import markdown
from asrquant.engines.registry import formats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="an4")
    original = asrquant.load(parser.parse_args().model)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for preset in asrquant.PRESETS.values():
            recognizer = asrquant.quantize(original, preset)
            for form in formats(preset):
                made = asrquant.export(recognizer, form.name, folder, original=original)
                check = made.manifest.verification
                rows.append(
                    {
                        "preset": preset.name,
                        "format": form.name,
                        "model file (MB)": f"{made.manifest.model_bytes / 1e6:.2f}",
                        "of the original": f"{made.manifest.size_ratio:.0%}",
                        "zip (MB)": f"{made.zip.stat().st_size / 1e6:.2f}",
                        "largest difference": f"{check.largest:.1g}",
                        "same transcripts": f"{check.identical}/{check.transcripts}",
                        "quantized modules": ", ".join(f"{n} {kind}" for kind, n in check.quantized.items()) or "none",
                    }
                )
    print(markdown(pd.DataFrame(rows)))


if __name__ == "__main__":
    terminal.prepare()
    main()
