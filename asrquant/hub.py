"""Models from the Hugging Face Hub → a local folder."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from asrquant.errors import SourceError

TIMEOUT_SECONDS = 10
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_log = logging.getLogger(__name__)


def download(hub_id: str, revision: str, patterns: Sequence[str]) -> Path:
    """A model repository's files, from the cache or the network.

    Args:
        hub_id: ``user/name``.
        revision: branch, tag or commit.
        patterns: names of the files that are wanted, with wildcards.

    Raises:
        SourceError: it is not in the cache and cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id, revision=revision, allow_patterns=list(patterns), etag_timeout=TIMEOUT_SECONDS
        )
    except Exception as error:  # the client raises its own, httpx's, and OSError for the same thing: no way there
        _log.debug("download of %s failed", hub_id, exc_info=True)
        raise SourceError(
            f"{hub_id} could not be downloaded ({type(error).__name__}) and is not in the cache; connect to the "
            "internet and try again, or use source 'an4', which needs none."
        ) from error
    return Path(folder)
