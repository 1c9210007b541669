"""Everything that asrquant raises on purpose. Each message says what was wrong, with which value, and what to do."""

from __future__ import annotations


class AsrQuantError(Exception):
    """The base of all errors below: one sentence, fit to be shown to the person who asked."""


class AudioError(AsrQuantError, ValueError):
    """A clip that cannot be recognized: not audio, empty, too short, too long, silent, broken."""


class DatasetError(AsrQuantError, ValueError):
    """A data set or a reference that cannot be used."""


class PresetError(AsrQuantError, ValueError):
    """A preset, module path or setting that does not exist or does not fit the model."""


class SearchError(AsrQuantError, ValueError):
    """A search for a mixture that cannot be begun, gone on with, or read."""


class RequestError(AsrQuantError, ValueError):
    """Something asked of the page or of its endpoint that is of the wrong kind or out of bounds."""


class DecoderError(AsrQuantError, ValueError):
    """A decoder that does not exist, or that the model has no language model for."""


class SourceError(AsrQuantError, OSError):
    """A model that cannot be found, reached or loaded."""


class UntrustedSourceError(SourceError):
    """A model that would run code from a place that nobody has vouched for."""


class ArtifactError(AsrQuantError, OSError):
    """An artifact with a missing or changed file, of another version, or that cannot be loaded here."""


class ExportError(AsrQuantError, RuntimeError):
    """An artifact that cannot be made, kept or sent."""


class FreshProcessError(AsrQuantError, RuntimeError):
    """A process of our own that failed; the message is its last complaint."""


class ClusterError(AsrQuantError, RuntimeError):
    """A Ray that cannot be started, reached or used, or work that no worker of it can do."""


class SettingError(AsrQuantError, ValueError):
    """A setting in the environment that cannot be used."""


class MissingDependencyError(AsrQuantError, ImportError):
    """An optional library that is not installed; the message has its install line."""


def first_line(error: BaseException) -> str:
    """What an error of a library's says first, or its kind where it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


class Cancelled(AsrQuantError, RuntimeError):
    """The caller asked a running job to stop."""
