"""No text says what a preset brings (faster, smaller, at no cost) where nothing measured it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asrquant
from asrquant.engines.registry import formats
from asrquant.export.card import card
from asrquant.model.presets import PRESETS
from asrquant.text.decoders import DECODERS

PACKAGE = Path(__file__).parents[1] / "asrquant"
PROMISE = re.compile(
    r"\b(fast(er|est)|slow(er|est)|small(er|est)|quick(er|est|ly)?|cheap(er|est)?|better|best (one|decoder|preset|that)"
    r"|lossless|no loss|costs? (little|nothing|no)|next to no|hardly|barely|half the|fewest|(more|less|fewer) errors"
    r"|runs wherever)\b",
    re.IGNORECASE,
)
MEASURED_WORDS = {
    "show/report.py": {"Those that no other beats in both WER and RTF, fastest first.", "lines: fastest to slowest clip"},
    "cli/modules.py": {"without being slower"},
    "measure/compare.py": {"How many times faster the quantized encoder is."},
    "export/packing.py": {"int8 weights hardly shrink"},
    "text/metrics.py": {"smallest and largest of at least one value", "with the fewest edits"},
    "measure/sensitivity.py": {
        "A group is slower, beyond what noise explains", "Of the groups within ``max_nats`` and not slower",
        "Whether it is slower than the float model",
    },
    "show/modules.py": {"slower"},
    "ui/modules.py": {"without being slower"},
    "measure/race.py": {"What is fastest on the machine at hand"},
    "measure/winner.py": {
        "Which preset is fastest where a race was run", "The preset that was fastest", "Fastest here, at equal accuracy:",
        "was faster here than the original", "the fastest int8 one at equal accuracy", "of another engine are faster still",
    },
    "show/race.py": {"fastest here:"},
    "measure/lineup.py": {"The fastest preset that changed no word", "faster than the original"},
    "show/headline.py": {
        "not clearly faster or slower on this machine", "slower on this machine, taking", "times smaller", "× smaller",
    },
    "show/lineup.py": {
        "was clearly faster here than the original", "times smaller and", "in both speed and errors, fastest first",
        "A row a preset, fastest first", "the further right and down, the better.",
    },
    "ui/words.py": {"names the fastest that changed no word"},
    "ui/fastest.py": {": why, and what is fastest"},
    "cli/search.py": {"the fastest and smallest that still answers", "the fastest and smallest mixture that still answers"},
    "measure/search/__init__.py": {"the smallest and fastest mixture of precisions that still answers"},
    "measure/search/checking.py": {
        "The fastest mixtures that a search found", "Of the fastest one's speed", "of the search the fastest ones",
        "points: fastest first.", "of those about as fast as the fastest, the smallest",
    },
    "measure/search/found.py": {"points: the Pareto front, fastest first."},
    "measure/search/searching.py": {
        "the fastest and smallest that still answers", "hecking the fastest on unseen clips",
        "heck the fastest on clips that no trial was measured on", "heck the fastest on unseen clips",
    },
    "measure/search/trial.py": {"(the Pareto front), fastest first."},
    "show/search.py": {"A row a point of the front, fastest first:"},
}  # fmt: skip
"""Where such words stand beside a measurement, or speak of something else."""


def said(path: Path) -> Iterator[str]:
    """Every text in a file: what people read on the page and in the terminal, and the docstrings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield " ".join(node.value.split())


def test_no_text_promises_what_was_not_measured() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        allowed = MEASURED_WORDS.get(path.relative_to(PACKAGE).as_posix(), set())
        for text in said(path):
            for words in allowed:
                text = text.replace(words, "")
            found += [f"{path.relative_to(PACKAGE)}: {text}"] if PROMISE.search(text) else []
    assert found == []


def test_no_card_promises_what_was_not_measured(exported) -> None:
    manifest = exported("dynamic-int8", "torchscript")[1].manifest
    for preset in PRESETS.values():
        for form in formats(preset):
            text = card(replace(manifest, preset=preset, format=form.name, measurement=None), form)
            assert not PROMISE.search(text), text
            assert "WER and speed were not measured" in text
    assert not [
        words for words in (*DECODERS.values(), *(p.summary for p in PRESETS.values())) if PROMISE.search(words)
    ]


def test_a_changed_preset_is_not_summed_up_as_nothing() -> None:
    changed = asrquant.custom({}, base="openvino-int8", calibration_clips=3, name="openvino-int8, changed")
    assert changed.summary == "openvino-int8 with other settings"
