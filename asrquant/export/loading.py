"""Artifact → Recognizer, and whether it answers as the model that it was made from did."""

from __future__ import annotations

from pathlib import Path

import torch

from asrquant.base.errors import ArtifactError, AsrQuantError, ExportError, FreshProcessError
from asrquant.base.fresh import run_fresh
from asrquant.base.pickles import loading_weights
from asrquant.base.progress import Progress, silent
from asrquant.engines.engine import ARCHITECTURE, Saved
from asrquant.engines.registry import get_format
from asrquant.export.answers import answers, compare_answers, load_answers
from asrquant.export.manifest import DECODER, MANIFEST, DecoderSettings, Manifest, Verification, parse_json, read_json
from asrquant.export.sums import check_sums
from asrquant.model.recognizer import Origin, Recognizer
from asrquant.text.decoders import make_decoder
from asrquant.text.vocabulary import Vocabulary

ANSWERS = "answers.npz"


def load_artifact(path: str | Path) -> Recognizer:
    """Load an artifact, with the decoder that it was exported with.

    Every file's sha256 is checked before any is parsed. That shows that the files are the ones that were made together,
    not who made them: load artifacts of people you trust, as TorchScript and KenLM files can be made to do harm.

    Args:
        path: the unpacked folder (or the directory that ``export`` made around it).

    Raises:
        ArtifactError: a file is missing, changed or too many, the format is of another version, or the files do not
            fit each other; names what.
        UntrustedSourceError: its architecture, or the environment, would have code run.
        PresetError: this machine lacks the backend.
        MissingDependencyError: a library of the artifact's engine is not installed.
    """
    folder = find_folder(Path(path))
    with loading_weights():
        check_sums(folder)
        return _load(folder)


def _load(folder: Path) -> Recognizer:
    manifest, settings = read_json(Manifest, folder / MANIFEST), read_json(DecoderSettings, folder / DECODER)
    try:
        form = get_format(manifest.format, manifest.preset)
    except ExportError as error:
        raise ArtifactError(f"This asrquant cannot load the artifact: {error}") from error
    try:
        saved = Saved(manifest.preset, manifest.backend, manifest.roles, manifest.source.toolkit)
        encoder = form.restore(folder, saved)
    except AsrQuantError:
        raise
    except Exception as error:  # the files are those that were made, so the libraries must be others
        made = ", ".join(f"{library} {number}" for library, number in manifest.versions.items())
        first = next(iter(str(error).strip().splitlines()), "")
        raise ArtifactError(
            f"{manifest.name} was made with {made} and could not be loaded here: {type(error).__name__}: {first}"
        ) from error
    vocabulary = Vocabulary(
        labels=settings.labels,
        texts=settings.texts,
        blank_index=settings.blank_index,
        ngram=folder / settings.ngram if settings.ngram else None,
        search=settings.search,
        punctuation=settings.punctuation,
    )
    return Recognizer(
        encoder=encoder,
        vocabulary=vocabulary,
        decoder=make_decoder(settings.decoder, vocabulary),
        roles=manifest.roles,
        source=manifest.source.name,
        preset=manifest.preset,
        backend=manifest.backend,
        calibration=manifest.calibration,
        validation=manifest.validation,
        tuning=manifest.tuning,
        origin=_origin(manifest, folder),
        original_bytes=manifest.original_bytes if manifest.preset.engine else None,
        frame_samples=manifest.frame_samples,
    )


def _origin(manifest: Manifest, folder: Path) -> Origin:
    architecture = sorted((folder / ARCHITECTURE).glob("*"))
    return Origin(
        name=manifest.source.name,
        toolkit=manifest.source.toolkit,
        sha256=manifest.source.sha256,
        architecture={path.name: path.read_bytes() for path in architecture},
        licences={path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("LICENSE*"))},
        card=manifest.source.card,
        commit=manifest.source.commit,
        notes=manifest.source.notes,
    )


def find_folder(path: Path) -> Path:
    """The folder with the manifest: ``path``, or the one of the same name in it.

    Raises:
        ArtifactError: there is none.
    """
    for folder in (path, path / path.resolve().name):
        if (folder / MANIFEST).is_file():
            return folder
    if path.suffix == ".zip" and path.is_file():
        raise ArtifactError(f"{path.name} is a zip; unpack it and give the folder.")
    raise ArtifactError(f"{path} holds no {MANIFEST}; give the folder of an artifact.")


def verify(path: str | Path, progress: Progress = silent) -> Verification:
    """Check an artifact's files, load it in this process, and compare its answers with those recorded in it.

    Args:
        path: as for ``load_artifact``.
        progress: called before each clip.

    Raises:
        ArtifactError: as ``load_artifact``.
    """
    recognizer = load_artifact(path)
    recorded = load_answers(find_folder(Path(path)) / ANSWERS)
    return compare_answers(recorded, answers(recognizer, progress))


def verify_in_fresh_process(folder: Path, progress: Progress) -> Verification:
    """``verify`` in a Python of its own, which knows nothing of the live recognizer.

    Args:
        folder: the artifact.
        progress: called while it runs; may raise ``Cancelled``, which ends it.

    Raises:
        ExportError: it could not be loaded; says why.
    """
    arguments = [str(folder), str(torch.get_num_threads())]
    try:
        answer = run_fresh("asrquant.export", arguments, lambda: progress("loading it back in a fresh process", 0, 1))
    except FreshProcessError as error:
        raise ExportError(f"The artifact could not be loaded back, so it was not kept: {error}") from error
    return parse_json(Verification, answer.splitlines()[-1], "the fresh process's answer")
