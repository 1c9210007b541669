"""Recognizer → ``Artifact``, written whole, loaded back and compared; and back."""

from asrquant.export.exporting import export
from asrquant.export.loading import load_artifact, verify
from asrquant.export.manifest import Manifest, Verification
from asrquant.export.store import Artifact, Exports

__all__ = ["Artifact", "Exports", "Manifest", "Verification", "export", "load_artifact", "verify"]
