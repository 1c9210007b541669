"""``python export_and_die.py ROOT SEED COUNT``: exports again and again, each time in a process that is killed at some moment.

Half of the moments are drawn from the time that an export takes; the others are the n-th operation on files that Python makes,
with n drawn, since between those operations is where something could be left half-written.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import torch

import asrquant
from asrquant.base.files import sha256
from asrquant.data.bundled import example_clips
from asrquant.export.store import Exports
from asrquant.export.sums import check_sums

ROOT, SEED, COUNT = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
OPERATIONS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "shutil.copyfile"}


def in_a_process(work) -> int:
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def export() -> None:
    asrquant.export(live, "torchscript", ROOT)


def killed_after(seconds: float):
    def work() -> None:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        export()

    return work


def killed_at_operation(number: int):
    def work() -> None:
        left = number

        def watch(event: str, arguments: tuple) -> None:
            nonlocal left
            if event in OPERATIONS and str(ROOT) in str(arguments[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        export()

    return work


def count_operations() -> int:
    reading, writing = os.pipe()

    def work() -> None:
        seen = []
        sys.addaudithook(lambda event, a: seen.append(1) if event in OPERATIONS and str(ROOT) in str(a[0]) else None)
        export()
        os.write(writing, str(len(seen)).encode())

    assert in_a_process(work) == 0
    return int(os.read(reading, 20))


def check() -> int:
    """Whatever has a final name is whole."""
    names = [path.name for path in ROOT.iterdir() if not path.name.startswith(".")]
    whole = Exports(ROOT).artifacts()
    assert sorted(names) == sorted(artifact.name for artifact in whole), names
    for artifact in whole:
        check_sums(artifact.folder)
        assert sha256(artifact.zip) == artifact.zip_sha256 and artifact.manifest.verification.passed
    return len(names)


torch.set_num_threads(1)
chance = random.Random(SEED)
live = asrquant.quantize(asrquant.load("an4"), "dynamic-int8")
live.transcribe(example_clips()[0].path)
start = time.monotonic()
operations = count_operations()
seconds = time.monotonic() - start
died = 0
for index in range(COUNT):
    # More moments late than early: what has only begun cannot be taken for an artifact.
    late = chance.random() ** 0.4
    work = killed_after(seconds * late) if index % 2 else killed_at_operation(max(1, round(operations * late)))
    died += os.WIFSIGNALED(in_a_process(work))
    check()
time.sleep(1.5)
export()
leftovers = [path.name for path in ROOT.iterdir() if path.name.startswith(".") and path.name != ".lock"]
assert leftovers == [], leftovers
others = [
    p
    for p in Path("/proc").glob("[0-9]*/cmdline")
    if str(ROOT).encode() in p.read_bytes() and str(os.getpid()) not in str(p)
]
assert others == [], others
print(
    f"{died} of {COUNT} were killed; {operations} operations, {seconds:.1f} s an export; {check()} artifacts, all whole"
)
