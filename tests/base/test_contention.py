"""Whether something else had the processor is told by what the system says of this process's own threads."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asrquant.base.contention import Turns, alone, turns


def work(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.skipif(turns() is None, reason="this system does not say how long threads waited")
def test_a_crowd_is_seen() -> None:
    busy = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    count = 3 * len(os.sched_getaffinity(0))
    others = [subprocess.Popen([sys.executable, "-c", busy]) for _ in range(count)]
    try:
        time.sleep(0.5)
        before = turns()
        work(1.5)
        assert not alone(before, turns())
    finally:
        for each in others:
            each.kill()
            each.wait()


def test_shares_and_what_is_not_known(tmp_path: Path) -> None:
    assert Turns(3.0, 1.0).share_since(Turns(1.0, 1.0)) == 0 and Turns(2.0, 2.0).share_since(Turns(1.0, 1.0)) == 0.5
    assert alone(Turns(1, 0), Turns(2, 0.2)) and not alone(Turns(1, 0), Turns(2, 0.5)) and alone(None, Turns(1, 1))
    assert turns(tmp_path / "nothing") is None
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "comm").write_text("a thread")
    assert turns(tmp_path) is None
    (tmp_path / "1" / "schedstat").write_text("2000000000 500000000 7\n")
    assert turns(tmp_path) == Turns(2.0, 0.5)
    (tmp_path / "2").mkdir()  # one that has just ended
    assert turns(tmp_path) == Turns(2.0, 0.5)
