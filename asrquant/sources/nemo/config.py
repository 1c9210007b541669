"""``model_config.yaml`` → its values, and from them an ``Architecture``: parsed in bounded time and memory, nothing is run.

A ``_target_`` names a class that NeMo imports and calls. Here it is a name to be looked up in a short list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from asrquant.base.errors import SourceError, UntrustedSourceError
from asrquant.sources.nemo.mel_settings import Features, MelSettings
from asrquant.sources.nemo.settings import Architecture, ConformerSettings, ConvSettings

MAX_VALUES = 500_000
"""In the whole configuration, each alias counted as what it stands for; the largest vocabularies have some thousand."""
MAX_TEXT = 20_000
"""Characters of one value: a number in YAML's base of sixty takes time with the square of its length."""
_APPROVED = re.compile(
    r"(nemo\.(collections|core|utils)|nemo_text_processing|torch\.(nn|optim)|lightning|pytorch_lightning)\.[\w.]+"
)
"""Where what is not read here may come from: losses, optimizers, loggers."""
_MODULES = r"nemo\.collections\.asr\.modules\.(\w+\.)?"
_PREPROCESSOR, _ENCODERS, _CTC = (
    "AudioToMelSpectrogramPreprocessor",
    ("ConvASREncoder", "ConformerEncoder"),
    "ConvASRDecoder",
)
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Said:
    """What a configuration says of a CTC model.

    Attributes:
        architecture: to build it from.
        vocabulary: the labels, in order; empty where the tokenizer alone knows them.
        tokenizer: its settings; empty for a model of characters.
        version: of NeMo that wrote the file; empty where it does not say.
        hybrid: whether there is a transducer too, which is left alone.
    """

    architecture: Architecture
    vocabulary: tuple[str, ...]
    tokenizer: Mapping[str, Any]
    version: str
    hybrid: bool


def parse(contents: bytes) -> dict[str, Any]:
    """The values of a configuration.

    Raises:
        SourceError: it is no YAML, or more than a configuration is.
        UntrustedSourceError: a ``_target_`` in it is not of NeMo's or of what it is used with; names it.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(contents)
    try:
        node = loader.get_single_node()
        if node is None or _size(node, {}) > MAX_VALUES:
            what = "is empty" if node is None else f"stands for more than {MAX_VALUES} values"
            raise SourceError(f"its configuration {what}.")
        tree = loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError, MemoryError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise SourceError(f"its configuration is not the YAML that NeMo writes: {first[:100]}.") from None
    finally:
        loader.dispose()
    if not isinstance(tree, dict):
        raise SourceError("its configuration is no mapping of names to values.")
    for where, target in _targets(tree, ""):
        if not isinstance(target, str) or not _APPROVED.fullmatch(target):
            raise UntrustedSourceError(f"its configuration asks for {str(target)[:80]!r} to be called ({where}).")
    return tree


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values a node stands for; an alias is the node that it means, which is looked at once and counted as often."""
    if (size := known.get(id(node))) is not None:
        if not size:
            raise SourceError("its configuration holds itself.")
        return size
    known[id(node)] = 0
    total = 1
    if isinstance(node.value, str):
        if len(node.value) > MAX_TEXT:
            raise SourceError(f"its configuration has a value of {len(node.value)} characters.")
    else:
        for child in node.value:
            total += sum(_size(each, known) for each in (child if isinstance(child, tuple) else (child,)))
    known[id(node)] = total
    return total


def _targets(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Every ``_target_`` in a tree, with where it stands; the model's own is called ``target``, and the first NeMo's ``cls``."""
    if isinstance(value, dict):
        for name, inner in value.items():
            place = f"{where}.{name}".strip(".")
            if name == "_target_" or place == "target" or (name == "cls" and isinstance(inner, str)):
                yield place, inner
            else:
                yield from _targets(inner, place)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _targets(inner, f"{where}[{index}]")


def understand(tree: dict[str, Any], features: Features | None) -> Said:
    """What a configuration says.

    Args:
        tree: as ``parse`` returns it.
        features: of which NeMo; None takes those of the NeMo that wrote the file.

    Raises:
        SourceError: it is of a model that is not supported here, or of none.
        UntrustedSourceError: a part that is read has a ``_target_`` that is not in the list.
    """
    version = str(tree.get("nemo_version") or "")
    hybrid = "aux_ctc" in tree
    head = _part(tree, "aux_ctc", "decoder") if hybrid else _part(tree, "decoder")
    if not hybrid and (
        "joint" in tree or str(head.get("_target_", "")).rpartition(".")[2].startswith(("RNNT", "Stateless"))
    ):
        raise SourceError(
            "it is a transducer (RNN-T) without a CTC output, which asrquant does not run; use a CTC or hybrid model of NeMo's."
        )
    _named(head, "decoder", (_CTC,))
    _named(_part(tree, "preprocessor"), "preprocessor", (_PREPROCESSOR,))
    kind = _named(_part(tree, "encoder"), "encoder", _ENCODERS)
    convolves = kind == "ConvASREncoder"
    encoder = _read(ConvSettings, tree, "encoder") if convolves else _read(ConformerSettings, tree, "encoder")
    vocabulary = _resolved(tree, head.get("vocabulary") or ())
    if not isinstance(vocabulary, list | tuple) or not all(isinstance(label, str) for label in vocabulary):
        raise SourceError("decoder.vocabulary is no list of labels (a label such as NO or 1 has to be in quotes).")
    outputs = head.get("num_classes") or 0
    outputs = len(vocabulary) if not isinstance(outputs, int) or outputs < 1 else outputs
    tokenizer = tree.get("tokenizer") or {}
    architecture = Architecture(
        preprocessor=_read(MelSettings, tree, "preprocessor"),
        encoder=encoder,
        outputs=outputs + 1,
        features=features or features_of(version),
    )
    return Said(architecture, tuple(vocabulary), tokenizer if isinstance(tokenizer, dict) else {}, version, hybrid)


def features_of(version: str) -> Features:
    """Of the features that NeMo has had, those of the version that wrote a file; a file that does not say is an old one."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    return "2.5" if numbers and (int(numbers[1]), int(numbers[2])) >= (2, 5) else "2.4"


def _part(tree: dict[str, Any], *path: str) -> dict[str, Any]:
    part: Any = tree
    for name in path:
        part = part.get(name) if isinstance(part, dict) else None
    if not isinstance(part, dict):
        raise SourceError(f"its configuration has no {'.'.join(path)}, so it is no CTC model of NeMo's.")
    return part


def _named(part: dict[str, Any], where: str, known: tuple[str, ...]) -> str:
    """Which of the classes that are known here a part is."""
    target = str(part.get("_target_", ""))
    name = target.rpartition(".")[2]
    if name not in known or not re.fullmatch(_MODULES + name, target):
        raise UntrustedSourceError(
            f"its {where} is {target[:80] or 'nothing'!r}, which asrquant has no modules for; it has {' and '.join(known)}."
        )
    return name


def _read(kind: type[_T], tree: dict[str, Any], where: str) -> _T:
    """A part as settings; an error names the value and what it has to be."""
    part = {name: _resolved(tree, value) for name, value in _part(tree, where).items() if name != "_target_"}
    try:
        return TypeAdapter(kind).validate_python(part)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in (where, *first["loc"]))
        raise SourceError(
            f"{place} of its configuration is {str(first['input'])[:60]!r}, which is not known here ({first['msg']})."
        ) from None


def _resolved(tree: dict[str, Any], value: Any, depth: int = 0) -> Any:
    """A value with references (``${model_defaults.filters}``) replaced by what they mean."""
    if isinstance(value, dict):
        return {name: _resolved(tree, inner, depth) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(tree, inner, depth) for inner in value]
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    meant: Any = tree
    for name in found[1].removeprefix("model.").split("."):
        meant = meant.get(name) if isinstance(meant, dict) else None
    if meant is None or depth > 10:
        raise SourceError(f"its configuration refers to {value[:60]!r}, which is not in it.")
    return _resolved(tree, meant, depth + 1)
