"""Whether a YAML file of SpeechBrain's does nothing but construct known parts of a recognizer.

To hyperpyyaml such a file is a program: a tag can call any function, text in parentheses is read by a second parser that obeys
tags of its own, ``<a.b>`` reads attributes. So what is judged is the text that is left when references are resolved, which
is what hyperpyyaml evaluates, as the nodes that its own parser finds in it; and only tags that are listed here pass.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asrquant.base.errors import UntrustedSourceError
from asrquant.sources.speechbrain.nodes import SEED, walk

LOBE = (
    r"(speechbrain\.(lobes\.models\.huggingface_transformers|integrations\.huggingface)"
    r"\.((wav2vec2\.)?Wav2Vec2|(hubert\.)?HuBERT|(wavlm\.)?WavLM|(w2v_bert\.)?W2VBert)|"
    r"speechbrain\.lobes\.models\.huggingface_wav2vec\.HuggingFaceWav2Vec2)"
)
"""SpeechBrain's wrappers of transformers' models, which take them from a Hub id or a folder, by their names of now and before."""
PRETRAINER = "!new:speechbrain.utils.parameter_transfer.Pretrainer"
_FAMILIES = r"Wav2Vec2(Bert|Conformer)?|Hubert|WavLM|Data2VecAudio|UniSpeech(Sat)?|SEWD?"
_LAYERS = (
    rf"torch\.nn\.[A-Z]\w*|speechbrain\.nnet\.\w+\.[A-Z]\w*|transformers\.({_FAMILIES})(Config|Model)|"
    rf"speechbrain\.processing\.features\.InputNormalization|speechbrain\.lobes\.models\.VanillaNN\.VanillaNN|{LOBE}"
)
_REST = (
    r"speechbrain\.(lobes\.features\.(Fbank|MFCC)|lobes\.models\.CRDNN\.CRDNN|utils\.parameter_transfer\.Pretrainer|"
    r"dataio\.(encoder\.CTCTextEncoder|preprocess\.AudioNormalizer)|"
    r"decoders\.(ctc\.)?(ctc_greedy_decode|CTCBeamSearcher|CTCPrefixBeamSearcher))|"
    r"sentencepiece\.SentencePieceProcessor|operator\.setitem"
)
_UNCALLED = (
    r"speechbrain\.nnet\.losses\.(ctc|nll|bce|mse|l1|kldiv|transducer)_loss|"
    r"speechbrain\.utils\.metric_stats\.(ErrorRateStats|MetricStats|ClassificationStats|BinaryMetricStats)|"
    r"speechbrain\.utils\.Accuracy\.AccuracyStats|speechbrain\.nnet\.schedulers\.[A-Z]\w*|"
    r"torch\.optim\.(lr_scheduler\.)?[A-Z]\w*"
)
"""Functions and classes of training that files for inference still name, and that nothing calls; they read and write no file."""
ENCODER = re.compile(rf"!(new|name):({_LAYERS})|!tuple")
RECOGNIZER = re.compile(rf"!(new|name):({_LAYERS}|{_REST})|!name:({_UNCALLED})|!tuple")

_REFERENCE = re.compile(r"!ref|!copy")
_PLAIN = re.compile(r"tag:yaml\.org,2002:(map|seq|str|int|float|bool|null)")
_TUPLE = re.compile(r"\([-+.,\w\s]*\)")
_LOBE_TAG = re.compile(f"!(new|name):{LOBE}")
_LOBE_SETTINGS = {
    "source", "save_path", "output_norm", "freeze", "freeze_feature_extractor", "apply_spec_augment", "output_all_hiddens",
}  # fmt: skip
"""Whatever else a lobe is given goes on to transformers' ``from_pretrained``, which can be told to run code."""
_FORBIDDEN = {
    "trust_remote_code", "weights_only", "auto_map", "attn_implementation", "_attn_implementation", "_args", "_kwargs",
}  # fmt: skip
"""The last two are hyperpyyaml's, for settings that do not stand where settings are looked for."""
NGRAM = "kenlm_model_path"
_SEARCHER = re.compile(r"!(new|name):speechbrain\.decoders\.(ctc\.)?CTC\w*Searcher")


def is_lobe(tag: str) -> bool:
    """Whether a tag makes a wrapper of one of transformers' models."""
    return bool(_LOBE_TAG.fullmatch(tag))


def refuse_code(
    text: str, allowed: re.Pattern[str], name: str, folders: Sequence[Path], overrides: Mapping[str, Any] | None = None
) -> None:
    """Check a YAML text before it is evaluated.

    Args:
        text: as it is in the file.
        allowed: tags that may be in it, besides references.
        name: of the file, for the error.
        folders: the only ones that paths may lead into.
        overrides: what will be put in the place of some of its values.

    Raises:
        UntrustedSourceError: it would do something else than construct known parts; says what is in it.
    """
    from hyperpyyaml import resolve_references
    from ruamel.yaml import Loader

    refuse_tags(text, allowed, name)
    nodes = list(walk(Loader(resolve_references(text, dict(overrides or {})).getvalue()).get_single_node()))
    used = _used(nodes)
    searches = any(_SEARCHER.fullmatch(node.tag) for node in nodes)
    for node in nodes:
        if not (allowed.fullmatch(node.tag) or _PLAIN.fullmatch(node.tag)):
            raise UntrustedSourceError(f"{name} holds the tag {node.tag!r}, which is no constructor of a known layer.")
        if problem := _problem(node, folders, id(node) in used) or (
            _problem_of_ngram(node, folders) if searches else None
        ):
            raise UntrustedSourceError(f"{name} holds {problem}.")


def refuse_tags(text: str, allowed: re.Pattern[str], name: str) -> None:
    """Check that references can be resolved: some tags act, or read other files, as early as that.

    Raises:
        UntrustedSourceError: it holds another tag than those that are allowed and references, or a directive.
    """
    from ruamel.yaml import YAML

    if any(line.startswith("%") for line in text.splitlines()):  # a directive can give a tag another meaning
        raise UntrustedSourceError(f"{name} holds a YAML directive, which a description of a model has no need of.")
    for node in walk(YAML().compose(text)):
        if not any(known.fullmatch(node.tag) for known in (allowed, _PLAIN, _REFERENCE, SEED)):
            raise UntrustedSourceError(f"{name} holds the tag {node.tag!r}, which is no constructor of a known layer.")


def _used(nodes: Sequence[Any]) -> set[int]:
    """Which of them something is made of: what stands below a constructor, and n-grams; the rest is left from training."""
    waiting = [node for node in nodes if not _PLAIN.fullmatch(node.tag)]
    for node in nodes:
        waiting.extend(value for key, value in _pairs(node) if key.value == NGRAM)
    return {id(below) for node in waiting for below in walk(node)}


def _problem(node: Any, folders: Sequence[Path], is_used: bool) -> str | None:
    """What is wrong with a node whose tag is allowed."""
    if _SEARCHER.fullmatch(node.tag) and (node.tag.startswith("!new:") or node.value):
        return f"the tag {node.tag!r} with settings of its own; those of a search stand in test_beam_search"
    if isinstance(node.value, str):
        return _problem_of_text(node, folders, is_used)
    settings = _settings(node)
    if forbidden := sorted(_FORBIDDEN & settings.keys()):
        return f"the setting {forbidden[0]!r}"
    if is_lobe(node.tag):
        if not settings.keys() <= _LOBE_SETTINGS or not isinstance(settings.get("source"), str):
            return f"the tag {node.tag!r} with other settings than {', '.join(sorted(_LOBE_SETTINGS))}"
        return _problem_of_source(settings["source"], folders)
    if node.tag == PRETRAINER:
        return _problem_of_pretrainer(node, folders)
    return None


def _problem_of_pretrainer(node: Any, folders: Sequence[Path]) -> str | None:
    """Its ``paths`` may name any repository or address."""
    positional = node.id != "mapping"
    paths = node if positional else next((value for key, value in node.value if key.value == "paths"), None)
    if paths is None:
        return None
    if positional or paths.id != "mapping":
        return f"the tag {PRETRAINER!r} with settings in a form that is not known"
    return next(filter(None, (_problem_of_source(path, folders) for path in _settings(paths).values())), None)


def _problem_of_ngram(node: Any, folders: Sequence[Path]) -> str | None:
    """A search reads its n-gram as soon as it is built, from wherever it is said to be: a file, a repository, an address."""
    for key, value in _pairs(node):
        if key.value == NGRAM and not value.tag.endswith(":null"):
            return _problem_of_source(value.value, folders)
    return None


def _problem_of_text(node: Any, folders: Sequence[Path], is_used: bool) -> str | None:
    """Text that is more than text: what is evaluated as a tuple, and paths that lead elsewhere."""
    text: str = node.value
    # Quoted or not: whether quotes stay depends on what hyperpyyaml has loaded before.
    is_tuple = node.tag == "!tuple" or (text.startswith("(") and text.rstrip().endswith(")"))
    if is_tuple and not _TUPLE.fullmatch(text):
        return f"the text {text[:80]!r}, which would be evaluated"
    path = Path(text)
    leads_away = is_used and len(text) > 1 and (path.is_absolute() or ".." in path.parts)
    return (
        f"the path {text[-80:]!r}, which leads out of its folder" if leads_away and not within(text, folders) else None
    )


def _problem_of_source(source: object, folders: Sequence[Path]) -> str | None:
    """A place to load weights from that is not in the folders, such as a Hub id that is not pinned."""
    text = str(source)
    inside = Path(text).is_absolute() and within(text, folders)
    return None if inside else f"the source {text[:80]!r}, which is neither in its folder nor pinned"


def within(path: str, folders: Sequence[Path]) -> bool:
    """Whether an absolute path leads into one of the folders."""
    whole = Path(os.path.normpath(path))
    return any(whole.is_relative_to(folder) for folder in folders)


def _settings(node: Any) -> dict[str, Any]:
    """A mapping's keys, with the text of each value or None where it is no text."""
    return {str(key.value): value.value if isinstance(value.value, str) else None for key, value in _pairs(node)}


def _pairs(node: Any) -> list[tuple[Any, Any]]:
    """A mapping's keys and values, as nodes."""
    return [child for child in node.value if isinstance(child, tuple)] if node and isinstance(node.value, list) else []
