"""Which weights of an encoder its files filled: SpeechBrain only logs what a checkpoint lacks, and starts from random ones."""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from asrquant.sources.weights import refuse_misfits


class Loads:
    """What PyTorch and transformers reported of each load."""

    def __init__(self) -> None:
        """Nothing is loaded yet."""
        self._filled: dict[int, torch.Tensor] = {}  # by identity, and kept, so that no other tensor gets it
        self._reports: list[tuple[Mapping[str, torch.Tensor], Sequence[str], Sequence[str]]] = []

    def note(self, module: nn.Module, missing: Sequence[str], unexpected: Sequence[str]) -> None:
        """A module was loaded from a file that lacked some of its weights, and had others besides."""
        weights = module.state_dict(keep_vars=True)
        self._filled.update({id(weights[name]): weights[name] for name in weights.keys() - set(missing)})
        self._reports.append((weights, missing, unexpected))

    def refuse_misfits(self, encoder: nn.Module, source: str) -> None:
        """Check that every weight of the encoder came from a file.

        Raises:
            SourceError: names those that did not, and those that files had besides.
        """
        names = {id(weight): name for name, weight in encoder.state_dict(keep_vars=True).items()}
        # What no file speaks of may be a constant, such as a window; a parameter is random.
        absent = {name for weight, name in names.items() if weight not in self._filled}
        missing = {name for name, _ in encoder.named_parameters(remove_duplicate=False)} & absent
        unexpected: set[str] = set()
        for weights, lacking, besides in self._reports:
            if any(id(weight) in names for weight in weights.values()):
                missing |= {names[id(weights[name])] for name in lacking if id(weights.get(name)) in names} & absent
                unexpected |= set(besides)
        refuse_misfits(source, missing, unexpected)


@contextlib.contextmanager
def recorded_loads(lobes: bool, mapped: bool = False) -> Iterator[Loads]:
    """While this lasts, what is loaded into any module is recorded. One model at a time is loaded.

    Args:
        lobes: whether SpeechBrain's wrappers of transformers' models may be among it, which are slow to import.
        mapped: whether weights stay in their files, mapped into memory that the system may take back; for files that nobody
            ever writes to again.
    """
    loads, original = Loads(), nn.Module.load_state_dict

    def load_state_dict(module: nn.Module, *given: Any, **settings: Any) -> Any:
        report = original(module, *given, **{"assign": mapped, **settings})
        loads.note(module, report.missing_keys, report.unexpected_keys)
        return report

    with contextlib.ExitStack() as undo:
        nn.Module.load_state_dict = load_state_dict  # type: ignore[assignment, method-assign]
        undo.callback(setattr, nn.Module, "load_state_dict", original)
        if lobes:
            undo.enter_context(_recorded_lobes(loads))
        if mapped:
            undo.enter_context(_mapped_files())
        yield loads


def has_weights(folder: Path) -> bool:
    """Whether transformers finds weights in a folder; one that is none is asked of the Hub, by those who trust it."""
    return not folder.is_dir() or any(path.suffix in (".bin", ".safetensors", ".ckpt") for path in folder.iterdir())


@contextlib.contextmanager
def _mapped_files() -> Iterator[None]:
    """``torch.load`` maps the files that can be: those of PyTorch's form of before 1.6 are no zips."""
    original = torch.load

    def load(file: Any, *given: Any, **settings: Any) -> Any:
        mapped = isinstance(file, str | os.PathLike) and zipfile.is_zipfile(file)
        return original(file, *given, **{"mmap": mapped, **settings})

    torch.load = load  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.load = original


@contextlib.contextmanager
def _recorded_lobes(loads: Loads) -> Iterator[None]:
    from speechbrain.integrations.huggingface.huggingface import HFTransformersInterface as Lobe

    original = Lobe._from_pretrained

    def from_pretrained(lobe: Any, source: str, *given: Any, device: Any = None, **settings: Any) -> None:
        if not has_weights(Path(source)):  # the model's own checkpoint has them all, or else is refused
            lobe.model = _without_values(lobe)
            return
        original(lobe, source, *given, **settings, output_loading_info=True)
        if isinstance(lobe.model, tuple):
            lobe.model, report = lobe.model
            # Heads for training are no part of a lobe's model, and no matter.
            loads.note(lobe.model, sorted(report["missing_keys"]), ())

    Lobe._from_pretrained = from_pretrained
    try:
        yield
    finally:
        Lobe._from_pretrained = original


def _without_values(lobe: Any) -> nn.Module:
    """The lobe's model with weights of no value yet: drawing 319 M random ones takes five seconds of a processor."""
    with torch.device("meta"):
        model: nn.Module = lobe.auto_class.from_config(lobe.config)
    if next(model.buffers(), None) is not None:  # constants, which need not be in a file
        model = lobe.auto_class.from_config(lobe.config)
        return model
    return model.to_empty(device="cpu")
