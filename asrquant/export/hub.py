"""Files → a repository on the Hugging Face Hub, with the token that the environment has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asrquant.base.errors import ExportError
from asrquant.base.tables import one_line
from asrquant.export.store import Artifact
from asrquant.sources.hub import HUB_ID

_MEANINGS = {
    401: "the token may not write there",
    402: "it asks for a paid plan",
    403: "the token may not write there",
}


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

    check_name(repository)
    token = get_token()
    if not token:
        raise ExportError("There is no Hugging Face token; set HF_TOKEN to one that may write, and try again.")
    return token


def check_name(repository: str) -> None:
    """Refuse a name that no repository of the Hub can have.

    Raises:
        ExportError: it is one.
    """
    if not is_name(repository):
        raise ExportError(f"{repository!r} names no repository; write user/name.")


def is_name(repository: str) -> bool:
    """Whether the Hub could have a repository of this name."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, by its documentation

    try:
        validate_repo_id(repository)
    except HFValidationError:
        return False
    return HUB_ID.fullmatch(repository) is not None


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

    hub = HfApi(token=check(repository))
    with in_a_sentence(repository, f" The artifact itself is whole, in {artifact.folder}."):
        hub.create_repo(repository, repo_type="model", exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository, folder_path=artifact.folder, commit_message=f"{artifact.name}, made with asrquant"
        )
        return str(commit.commit_url)


@contextmanager
def in_a_sentence(repository: str, kept: str = "") -> Iterator[None]:
    """Turn what the Hub's client raises into a sentence.

    Args:
        repository: that is written to.
        kept: what to add: where the work still is.

    Raises:
        ExportError: for whatever is raised inside.
    """
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        status = error.response.status_code
        meaning = _MEANINGS.get(status) or (one_line(error.server_message or "")[:300] if status < 500 else "")
        raise ExportError(
            f"The Hub refused {repository} (HTTP {status}): {(meaning or 'try again later').rstrip('.')}.{kept}"
        ) from None
    except Exception as error:  # the client raises its own, httpx's, and OSError for the same thing: no way there
        if isinstance(error, ValueError) and str(error).startswith("Invalid metadata"):
            reasons = "; ".join(line.removeprefix("- ") for line in str(error).splitlines()[1:])
            raise ExportError(f"The Hub does not take the front matter of README.md: {reasons}.{kept}") from None
        raise ExportError(f"The Hub could not be reached ({type(error).__name__}).{kept}") from None
