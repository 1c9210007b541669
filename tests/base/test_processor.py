"""The processor's name and instructions, as Linux tells them of x86 and of ARM."""

from __future__ import annotations

from pathlib import Path

from asrquant.base.processor import cpu_name, instruction_sets

ZEN3 = """processor	: 0
model name	: AMD EPYC 7R13 Processor
flags		: fpu sse sse2 fma f16c avx avx2 bmi1 sha_ni
bogomips	: 5299.99

processor	: 1
model name	: another
flags		: avx512f
"""
GRAVITON = """processor	: 0
BogoMIPS	: 2100.00
Features	: fp asimd evtstrm aes crc32 asimdhp cpuid asimddp sve i8mm bf16
CPU implementer	: 0x41
"""


def told(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(text)
    return path


def test_x86(tmp_path: Path) -> None:
    path = told(tmp_path, ZEN3)
    assert cpu_name(path) == "AMD EPYC 7R13 Processor"
    assert instruction_sets(path) == ("avx2", "fma", "f16c")  # of whole words, and of the first processor


def test_arm(tmp_path: Path) -> None:
    path = told(tmp_path, GRAVITON)
    assert cpu_name(path)  # which ARM's file does not tell
    assert instruction_sets(path) == ("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve")


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "nothing") and instruction_sets(tmp_path / "nothing") == ()
