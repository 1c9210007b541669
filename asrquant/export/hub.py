"""An artifact → a repository on the Hugging Face Hub: the same folder, with the token that the environment has."""

from __future__ import annotations

import re

from asrquant.errors import ExportError
from asrquant.export.store import Artifact


def check(repository: str) -> str:
    """Whether a push can be tried at all; to be asked before the work that it would be the end of.

    Args:
        repository: ``user/name``.

    Returns:
        The token, which is to be shown to nobody.

    Raises:
        ExportError: no such form of a name, or no token.
    """
    from huggingface_hub import get_token

    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ExportError(f"{repository!r} names no repository; write user/name.")
    token = get_token()
    if not token:
        raise ExportError("There is no Hugging Face token; set HF_TOKEN to one that may write, and export again.")
    return token


def push(artifact: Artifact, repository: str) -> str:
    """Upload an artifact's folder as a model repository, which is made if it is not there.

    The token is the Hub client's own: ``HF_TOKEN``, or what ``hf auth login`` stored.

    Args:
        artifact: what ``export`` returned.
        repository: ``user/name``.

    Returns:
        The address of the commit.

    Raises:
        ExportError: no token, a refusal, or no network; the artifact stays on disk.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(token=check(repository))
    try:
        hub.create_repo(repository, repo_type="model", exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository, folder_path=artifact.folder, commit_message=f"{artifact.name}, made with asrquant"
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        hint = "the token may not write there" if status in (401, 403) else "try again later"
        raise ExportError(f"The Hub refused {repository} (HTTP {status}): {hint}. {_kept(artifact)}") from None
    except Exception as error:  # the client raises its own, httpx's, and OSError for the same thing: no way there
        raise ExportError(f"The Hub could not be reached ({type(error).__name__}). {_kept(artifact)}") from None
    return str(commit.commit_url)


def _kept(artifact: Artifact) -> str:
    return f"The artifact itself is whole, in {artifact.folder}."
