"""A Ray to work on: one of this command's own, that nobody else reaches, or a cluster that is there."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch

from asrquant.base.errors import AsrQuantError, ClusterError, MissingDependencyError, first_line
from asrquant.measure.crew import Bench, Crew, Done, R, Step, T

LOCAL = "local"
"""In place of an address: a Ray of one's own, on this machine."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_LOOPBACK = "127.0.0.1"


def missing() -> str | None:
    """The sentence with the install line where Ray is not installed."""
    if importlib.util.find_spec("ray"):
        return None
    return "--ray needs ray; install with: pip install 'asrquant[ray]'"


@contextmanager
def on_ray(address: str = LOCAL, workers: int | None = None) -> Iterator[Crew]:
    """The workers of a Ray, for ``benchmark(…, crew=)`` and ``sensitivity(…, crew=)``.

    A Ray of one's own listens on 127.0.0.1 only, asks for a token that this process alone has, and ends with the block. Ray's
    usage reports are off and its dashboard is not started.

    Args:
        address: ``local`` starts a Ray on this machine; ``auto`` or HOST:PORT is a cluster that this machine is a node of.
            Whoever reaches a cluster runs code on it.
        workers: of a Ray of one's own, how many work at once; None takes as many as this machine's CPUs have room for.

    Raises:
        MissingDependencyError: Ray is not installed.
        ClusterError: it cannot be started or reached.
    """
    if reason := missing():
        raise MissingDependencyError(reason)
    if "://" in address:
        raise ClusterError(
            f"{address} is an address for Ray's client; run this on a node of the cluster, with HOST:PORT or auto."
        )
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="asrquant-ray-", ignore_cleanup_errors=True) as folder:
        own = _own(threads, workers, Path(folder)) if address == LOCAL else None
        with _environment(
            {**_QUIET, **(_PRIVATE if own else {}), **({"RAY_AUTH_TOKEN": secrets.token_hex(32)} if own else {})}
        ):
            import ray

            if ray.is_initialized():
                raise ClusterError("This process is connected to a Ray already; end that (ray.shutdown()) first.")
            try:
                try:
                    _connect(address, own)
                except AsrQuantError:
                    raise
                except Exception as error:  # Ray has no class for what can go wrong here
                    raise ClusterError(f"Ray at {address!r} cannot be used: {first_line(error)}") from error
                yield RayCrew(threads)
            finally:
                ray.shutdown()
                shutil.rmtree(Path(folder) / "r", ignore_errors=True)


_PRIVATE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""The first is Ray's switch for keeping to 127.0.0.1, named for the systems on which it is the default."""


def _own(threads: int, workers: int | None, folder: Path) -> Mapping[str, Any]:
    """How a Ray of one's own is started."""
    from asrquant.jobs.threads import cpus

    return {
        "num_cpus": threads * (workers or max(1, cpus() // threads)), "num_gpus": 0, "include_dashboard": False,
        "_node_ip_address": _LOOPBACK, "_temp_dir": str(folder / "r"),
    }  # fmt: skip


def _connect(address: str, own: Mapping[str, Any] | None) -> None:
    import ray
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    try:
        if own:
            ray_constants.ENABLE_RAY_CLUSTER = False  # which was read when Ray was imported
        context = ray.init(
            address=address, log_to_driver=False, logging_level="error", configure_logging=False, **(own or {})
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
    if own and context.address_info["node_ip_address"] != _LOOPBACK:
        raise ClusterError(
            f"This Ray does not keep to {_LOOPBACK}, so it was ended; start a cluster and give its address."
        )


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class RayCrew:
    """The workers of the Ray that this process is connected to; a ``Crew``."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @property
    def workers(self) -> int:
        """How many the nodes have room for."""
        import ray

        from asrquant.cluster.shift import room

        return sum(room(node, self._threads) for node in ray.nodes() if node["Alive"])

    def do(self, bench: Bench[T, R], tasks: Sequence[T], step: Step) -> Generator[Done[R], None, None]:
        """See ``Crew.do``.

        Raises:
            ClusterError: no node can do the work.
        """
        if not tasks:
            return
        import dataclasses

        import ray

        from asrquant.cluster.packed import pack
        from asrquant.cluster.shift import Shift, nowhere
        from asrquant.cluster.worker import Orders, code

        if not self.workers:
            raise ClusterError(nowhere(self._threads))
        empty = dataclasses.replace(cast(Any, bench), recognizers=())
        orders = Orders(empty, pack(bench.recognizers, ray.put), self._threads, code())
        shift = Shift(bench, tasks, orders, step)
        try:
            yield from shift.results()
        finally:
            with contextlib.suppress(Exception):  # the cluster itself may be gone
                shift.end()
