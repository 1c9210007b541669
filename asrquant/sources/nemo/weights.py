"""``model_weights.ckpt`` → tensors: no code from its pickle runs, it cannot grow, and all of its numbers are numbers."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TypeVar

import torch
from torch import nn

from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.sources.weights import refuse_misfits, used

_APPROVED = frozenset(
    ["collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"]
    + [f"torch {kind}Storage" for kind in ("Float", "Half", "BFloat16", "Double", "Long", "Int", "Bool")]
)
"""What a state dict's pickle names."""
_MAX_OPERATIONS = 3_000_000
"""Of the pickles; a tensor takes some twenty."""
_Model = TypeVar("_Model", bound=nn.Module)
_DAMAGED = (
    zipfile.BadZipFile,
    ValueError,
    IndexError,
    EOFError,
    UnicodeDecodeError,
    NotImplementedError,
    AttributeError,
)
_IGNORED = ("spec_augmentation.", "loss.", "spec_augment.", "ctc_loss.", "wer.", "ctc_wer.")
"""Of parts that only train, which have no weights in most files."""


def read_weights(path: Path, hybrid: bool) -> dict[str, torch.Tensor]:
    """The weights of a CTC model by name, in float32.

    Args:
        path: of the checkpoint.
        hybrid: whether there is a transducer too; its own parts are left out, and the CTC head is called ``decoder``.

    Raises:
        SourceError: it is no state dict.
        UntrustedSourceError: it names something else than tensors are made of, or is packed so that it would grow.
    """
    _refuse_packed(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader of a damaged file raises whatever it stumbles upon
        first = next(iter(str(error).strip().splitlines()), "")
        raise SourceError(f"its weights cannot be read: {type(error).__name__}: {first[:100]}") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise SourceError("its weights are no state dict (names of weights, and tensors).")
    if hybrid:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(("decoder.", "joint."))}
        state = {name.replace("ctc_decoder.", "decoder.", 1): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in state.items() if not name.startswith(_IGNORED)}


def _refuse_packed(path: Path) -> None:
    """Look at the checkpoint before PyTorch does: what its pickles name, and whether its zip would grow."""
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
    try:
        if zipped:
            _refuse_zip(path)
            return
        with path.open("rb") as file:  # the older form begins with five pickles, one after the other
            for _ in range(5):
                _refuse_names(file)
    except _DAMAGED as error:
        raise SourceError(
            f"its weights are no checkpoint of PyTorch's, or a damaged one: {str(error)[:100]}."
        ) from None


def _refuse_zip(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        if not stored or sum(entry.file_size for entry in entries) > path.stat().st_size:
            raise UntrustedSourceError("its weights are packed so that they would grow, which PyTorch's are not.")
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as content:
                    _refuse_names(content)


def _refuse_names(stream: IO[bytes]) -> None:
    """Refuse a pickle that names anything that tensors are not made of, without running it."""
    pushed: list[str | None] = []
    memo: dict[int, str | None] = {}
    for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if count > _MAX_OPERATIONS:
            raise UntrustedSourceError("the pickle of its weights is larger than names of weights are.")
        if operation.name == "MEMOIZE" or "PUT" in operation.name:
            memo[len(memo) if argument is None else int(argument)] = pushed[-1] if pushed else None
            continue
        # What is on the stack, as far as it matters: the last two values, where they are texts.
        known = memo.get(int(argument or 0)) if "GET" in operation.name else argument
        before, pushed = pushed, [*pushed[-1:], known if isinstance(known, str) else None]
        if operation.name == "GLOBAL":
            named = str(argument)
        elif operation.name == "STACK_GLOBAL":
            named = " ".join(str(text) for text in before)
        elif operation.name in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
            named = operation.name
        else:
            continue
        if named not in _APPROVED:
            raise UntrustedSourceError(
                f"the pickle of its weights calls for {named.replace(' ', '.')[:80]!r}, which loading would run."
            )


def refuse_unfit(model: nn.Module, state: Mapping[str, torch.Tensor], source: str) -> None:
    """Check that weights are those of a model, all of them and no others, and that they are numbers.

    Args:
        model: with the names that NeMo's checkpoints have; it may be an outline on PyTorch's device ``meta``.
        state: as ``read_weights`` returns it.
        source: as it was asked for.

    Raises:
        SourceError: names are missing or too many, shapes are others, or numbers are none.
    """
    there = model.state_dict()
    refuse_misfits(source, there.keys() - state.keys(), state.keys() - there.keys())
    for name in used(there):
        tensor = state[name]
        if tensor.shape != there[name].shape:
            raise SourceError(
                f"its weights have other shapes than its configuration says ({name} is {_shape(tensor)}, not "
                f"{_shape(there[name])}); use the configuration that it was saved with."
            )
        if not tensor.is_floating_point():
            raise SourceError(f"its weight {name} is of {tensor.dtype}, not of floating point.")
        if not bool(tensor.isfinite().all()):
            raise SourceError(
                f"its weight {name} holds NaN or infinity, so no answer would be one; get the file again."
            )


def fill(model: _Model, state: Mapping[str, torch.Tensor]) -> _Model:
    """The model, with weights that fit it, in float32."""
    model.load_state_dict({name: state[name].float() for name in used(model.state_dict())}, strict=False)
    return model


def _shape(tensor: torch.Tensor) -> str:
    return " x ".join(str(size) for size in tensor.shape) or "a number"
