"""How much memory may be taken: the machine's, and what control groups of either version leave of it."""

from __future__ import annotations

import math
from pathlib import Path

from asrquant.jobs.memory import free

GB = 1_000_000_000


def write(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, contents in files.items():
        (folder / name.replace("__", ".")).write_text(f"{contents}\n")


def system(root: Path, groups: str, available: int = 8 * GB) -> Path:
    write(root / "proc", meminfo=f"MemTotal: 99 kB\nMemFree: 5 kB\nMemAvailable:   {available // 1000} kB")
    write(root / "proc/self", cgroup=groups)
    return root


def test_where_the_system_does_not_tell_there_is_no_bound(tmp_path: Path) -> None:
    assert free(tmp_path) == math.inf
    assert 0 < free() < 1e14


def test_the_machines_own(tmp_path: Path) -> None:
    assert free(system(tmp_path, "0::/")) == 8 * GB // 1000 * 1024


def test_a_group_of_version_2_and_those_above_it(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/app.slice/page.service")
    above, own = root / "sys/fs/cgroup/app.slice", root / "sys/fs/cgroup/app.slice/page.service"
    write(own, memory__max="max", memory__current=GB, memory__stat=f"anon {GB}\ninactive_file 0")
    write(above, memory__max=4 * GB, memory__current=3 * GB, memory__stat="anon 5\ninactive_file 300\nactive_file 40")
    assert free(root) == GB + 340
    write(own, memory__max=GB + 7)
    assert free(root) == 7
    write(own, memory__max=GB // 2)  # lowered while more is in use
    assert free(root) == 0


def test_a_container_sees_its_own_group_as_the_uppermost(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/docker/0123")
    write(root / "sys/fs/cgroup", memory__max=2 * GB, memory__current=GB, memory__stat="inactive_file 100")
    assert free(root) == GB + 100


def test_a_group_of_version_1(tmp_path: Path) -> None:
    root = system(tmp_path, "9:name=systemd:/\n4:cpu,memory:/kubepods/pod1\n1:cpu:/\n0::/")
    own = root / "sys/fs/cgroup/memory/kubepods/pod1"
    stat = f"inactive_file 1\ntotal_inactive_file {GB}\ntotal_active_file 2"
    write(own, memory__limit_in_bytes=3 * GB, memory__usage_in_bytes=2 * GB, memory__stat=stat)
    write(own.parents[1], memory__limit_in_bytes=2**63 - 4096, memory__usage_in_bytes=5 * GB)
    assert free(root) == 2 * GB + 2
