"""The job of the tab "Export", and whose artifacts are whose."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from asrquant.base.errors import ExportError
from asrquant.base.policy import policy
from asrquant.base.progress import Progress
from asrquant.data.bundled import BUNDLED, example_clips
from asrquant.export.exporting import export
from asrquant.export.store import Artifact, Exports
from asrquant.jobs.models import Custom, Models, chosen
from asrquant.measure.benchmark import benchmark


def exports(visitor: str) -> Exports:
    """The artifacts that a visitor may see: all of them on one's own machine, one's own on a public page.

    Raises:
        ExportError: the page sent no secret, or a forged one.
    """
    if (kept := policy().artifacts_kept_seconds) is not None:
        Exports().expire(kept)
    if not policy().own_artifacts_only:
        return Exports()
    if not re.fullmatch("[0-9a-f]{32}", str(visitor)):
        raise ExportError("The page does not know whose artifacts these are any more; reload it.")
    owner = "visitor-" + hashlib.sha256(visitor.encode()).hexdigest()[:32]
    return Exports(owner=owner, gives_way_seconds=policy().artifacts_give_way_seconds)


def artifact(
    models: Models,
    progress: Progress,
    show: Callable[[Any], None],
    preset: str,
    settings: Custom | None,
    form: str,
    measure: bool,
    source: str,
    decoder: str,
    visitor: str,
) -> Artifact:
    """A quantized model, measured if wanted, saved, verified and packed for the visitor."""
    wanted, kept = chosen(preset, settings), exports(visitor)
    if not isinstance(form, str):
        raise ExportError("No format is chosen: choose one of those that are shown.")
    kept.check()
    progress("loading the model", 0, 1)
    original = models.original(source).with_decoder(decoder)
    quantized = models.quantized(source, wanted, progress).with_decoder(decoder)
    report = None
    if measure:
        pair = [original, quantized] if wanted.engine else [original]
        report = benchmark(pair, example_clips(), progress, BUNDLED)
    return export(quantized, form, kept, report, progress)
