"""Under which conditions something was timed: where one of them differs, the times are another machine's."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from asrquant.base.processor import INT8_PRODUCTS, cpu_name, instruction_sets
from asrquant.base.versions import installed

_LIBRARIES = ("torch", "openvino", "nncf", "onnxruntime")


@dataclass(frozen=True)
class Conditions:
    """A processor as the libraries use it.

    Attributes:
        processor: what it calls itself.
        architecture: its kind, such as ``x86_64``.
        instructions: see ``processor.instruction_sets``; empty where the system does not tell.
        pytorch: kind of kernels that PyTorch takes.
        openvino: what OpenVINO computes in; empty where it is not installed.
        threads: of PyTorch, and so of everything else.
        libraries: name and version of each.
    """

    processor: str
    architecture: str
    instructions: tuple[str, ...]
    pytorch: str
    openvino: tuple[str, ...]
    threads: int
    libraries: tuple[str, ...]

    @property
    def int8_products(self) -> tuple[str, ...]:
        """The instructions that multiply int8 and add the products up at once."""
        return tuple(name for name in self.instructions if name in INT8_PRODUCTS)

    @property
    def arm(self) -> bool:
        """Whether this is ARM, on which nothing here was tried."""
        return self.architecture.lower().startswith(("arm", "aarch"))

    def __str__(self) -> str:
        """Processor, instructions and threads in a line."""
        said = ", ".join(self.instructions) or "instruction sets not known"
        return f"{self.processor} ({said}), {self.threads} thread{'s' * (self.threads != 1)}"


def here() -> Conditions:
    """Those of this process."""
    return Conditions(
        processor=cpu_name(),
        architecture=platform.machine(),
        instructions=_used(instruction_sets(), torch.backends.cpu.get_cpu_capability()),
        pytorch=torch.backends.cpu.get_cpu_capability(),
        openvino=_openvino(),
        threads=torch.get_num_threads(),
        libraries=tuple(f"{name} {found}" for name in _LIBRARIES if (found := installed(name))),
    )


def _used(instructions: tuple[str, ...], pytorch: str) -> tuple[str, ...]:
    """Without what the libraries were told not to use (``ATEN_CPU_CAPABILITY`` and its like)."""
    if "avx512f" in instructions and not pytorch.startswith("AVX512"):
        return tuple(name for name in instructions if not name.startswith(("avx512", "avx_vnni", "amx")))
    return instructions


def _openvino() -> tuple[str, ...]:
    if find_spec("openvino") is None:
        return ()
    from asrquant.engines.openvino.encoder import capabilities

    return capabilities()
