"""What the page may do: on one's own machine nearly everything, in public what strangers may be given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from asrquant.base.settings import Settings, settings


@dataclass(frozen=True)
class Policy:
    """Limits, refusals and redactions; see ``SECURITY.md``.

    Attributes:
        public: whether strangers may come, for what the page says of itself.
        trusts_sources: whether a model may be loaded on somebody's word, with the code that it brings.
        loads_own_models: whether models are loaded that are neither embedded nor pinned.
        reads_local_folders: whether a data set may be named by its path on the machine.
        hides_paths: whether what visitors read is without the folders of the machine.
        own_artifacts_only: whether each visitor has a folder of artifacts and sees no other.
        clips_per_benchmark: at most.
        models_give_way: whether downloaded models that were not used for longest are removed, where models take too much disk.
        seconds_per_request: of work, after which it is stopped; loading and building models are not counted. None for no limit.
        seconds_per_build: of loading or building models for one request, after which it is stopped; None for no limit.
        artifacts_kept_seconds: after which an artifact is removed; None keeps it.
        artifacts_give_way_seconds: age after which it gives way to a new one, where there is no room; None never.
    """

    public: bool
    trusts_sources: bool
    loads_own_models: bool
    reads_local_folders: bool
    hides_paths: bool
    own_artifacts_only: bool
    clips_per_benchmark: int
    models_give_way: bool
    seconds_per_request: float | None
    seconds_per_build: float | None
    artifacts_kept_seconds: int | None
    artifacts_give_way_seconds: int | None

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """The policy that follows from the settings; a Space is public, as every Space is open to anyone who may see it."""
        policy = PUBLIC if settings.public or settings.space else OWN
        return policy if settings.build_seconds is None else replace(policy, seconds_per_build=settings.build_seconds)


OWN = Policy(
    public=False,
    trusts_sources=True,
    loads_own_models=True,
    reads_local_folders=True,
    hides_paths=False,
    own_artifacts_only=False,
    clips_per_benchmark=1_000,
    models_give_way=False,
    seconds_per_request=None,
    seconds_per_build=None,
    artifacts_kept_seconds=None,
    artifacts_give_way_seconds=None,
)
"""For whoever sits at the machine."""

PUBLIC = Policy(
    public=True,
    trusts_sources=False,
    loads_own_models=False,
    reads_local_folders=False,
    hides_paths=True,
    own_artifacts_only=True,
    clips_per_benchmark=20,
    models_give_way=True,
    seconds_per_request=300.0,
    seconds_per_build=900.0,
    artifacts_kept_seconds=3_600,
    artifacts_give_way_seconds=600,
)
"""For strangers."""


def policy() -> Policy:
    """The policy of this process.

    Raises:
        SettingError: a setting cannot be used.
    """
    return Policy.of(settings())
