"""The real server on loopback under visitors who do everything at once, for minutes; what it does to memory, disk and answers.

python examples/soak/run.py --minutes 10 --clients 8 --out build/soak

Starts app.py as a public page (SPACE_ID set) with small bounds on its folders, and ends it. Writes soak.json, table.md and
soak.html. Needs psutil and httpx (tests/requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import plotly.graph_objects as go
import psutil
from plotly.subplots import make_subplots
from visitors import Page, Tally, Visitor

from asrquant.base import terminal

ROOT = Path(__file__).parents[2]
EXPORTS_GB, UPLOADS_GB = 0.4, 0.1
_EVERY = 2.0
"""Seconds between two looks at the machine."""
_WARM = 0.25
"""Share of the run after which memory should stay as it is."""


@dataclass(frozen=True)
class Look:
    """The server at one moment: resident memory of the server and its worker, bytes in its folders, and /health's answer."""

    seconds: float
    server_MB: float
    worker_MB: float
    temp_MB: float
    exports_MB: float
    health: int
    health_seconds: float


@dataclass(frozen=True)
class Found:
    """What a run showed.

    Attributes:
        drift: of resident memory after warm-up: mean of its last quarter over that of its first, minus 1.
        overlaps: jobs that began before the one before had ended, by the server's log.
        jobs: that the log has.
        exit_code: of the server after SIGTERM.
        left_behind: files in its temporary folder after that.
    """

    minutes: float
    clients: int
    looks: list[Look]
    outcomes: dict[str, int]
    statuses: dict[int, int]
    broken: list[str]
    medians: dict[str, float]
    drift: float
    overlaps: int
    jobs: int
    exit_code: int
    left_behind: list[str]


def soak(minutes: float, clients: int) -> Found:
    """Start the server, let the visitors in, watch, and end it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as room_name:
        room = Path(room_name)
        (room / "tmp").mkdir()
        process, url = start(room)
        tally, looks = Tally(), []
        begun = time.monotonic()
        page = Page(url)
        until = begun + 60 * minutes
        crowd = [threading.Thread(target=Visitor(page, tally, seed).stay, args=[until]) for seed in range(clients)]
        for visitor in crowd:
            visitor.start()
        while any(visitor.is_alive() for visitor in crowd):
            looks.append(look(process.pid, url, room, begun))
            time.sleep(_EVERY)
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(60)
        overlaps, jobs = overlapping((room / "log.txt").read_text(encoding="utf-8"))
        left = [path.name for path in (room / "tmp").iterdir() if path.name != "gradio"]  # which it makes when imported
    return Found(
        minutes, clients, looks,
        {f"{action}: {outcome}": n for (action, outcome), n in sorted(tally.outcomes.items())},
        dict(sorted(tally.statuses.items())), tally.broken,
        {action: statistics.median(taken) for action, taken in sorted(tally.seconds.items())},
        drift(looks), overlaps, jobs, exit_code, left,
    )  # fmt: skip


def start(room: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The server on a free port, all its files below ``room``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "GRADIO_SERVER_PORT": str(port), "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_TEMP_DIR": str(room / "files"),
        "TMPDIR": str(room / "tmp"), "ASRQUANT_EXPORTS": str(room / "exports"), "ASRQUANT_EXPORTS_GB": str(EXPORTS_GB),
        "ASRQUANT_UPLOADS_GB": str(UPLOADS_GB), "ASRQUANT_RACE": "0",
        "SPACE_ID": "someone/asrquant",
    }  # fmt: skip
    with (room / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **own}, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            if httpx.get(f"{url}/health", timeout=5).json()["worker"] == "idle":
                return process, url
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.5)
    process.kill()
    raise SystemExit("The server did not start:\n" + (room / "log.txt").read_text(encoding="utf-8"))


def look(pid: int, url: str, room: Path, begun: float) -> Look:
    """Measure once. The short-lived processes that exports are verified in are not counted: they end with their job."""
    server = psutil.Process(pid)
    workers = sum(_resident(child) for child in server.children())
    asked = time.monotonic()
    try:
        status = httpx.get(f"{url}/health", timeout=10).status_code
    except httpx.HTTPError:
        status = 0
    answered = time.monotonic()
    return Look(
        round(asked - begun, 1), _resident(server), workers, folder_megabytes(room / "tmp", room / "files"),
        folder_megabytes(room / "exports"), status, answered - asked,
    )  # fmt: skip


def _resident(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def folder_megabytes(*folders: Path) -> float:
    total = 0
    for parent, _, files in (each for folder in folders for each in os.walk(folder)):
        for path in (Path(parent, name) for name in files):
            try:
                total += path.lstat().st_size
            except OSError:  # removed meanwhile
                continue
    return total / 1e6


def drift(looks: list[Look]) -> float:
    """Growth of resident memory after warm-up, as a share."""
    memory = [one.server_MB + one.worker_MB for one in looks if one.worker_MB][int(_WARM * len(looks)) :]
    quarter = max(1, len(memory) // 4)
    return statistics.mean(memory[-quarter:]) / statistics.mean(memory[:quarter]) - 1


def overlapping(log: str) -> tuple[int, int]:
    """(jobs that began while another was at work, jobs), from the log's lines ``start request=…`` and ``end request=…``."""
    at_work: set[str] = set()
    overlaps = jobs = 0
    for event, request in re.findall(r": (start|end) request=(\w+)", log):
        if event == "start":
            overlaps, jobs = overlaps + bool(at_work), jobs + 1
            at_work.add(request)
        else:
            at_work.discard(request)
    return overlaps, jobs


def table(found: Found) -> str:
    """What a reader wants to know, in Markdown."""
    looks = found.looks
    warm = looks[int(_WARM * len(looks)) :]
    memory = [one.server_MB + one.worker_MB for one in warm if one.worker_MB]
    rows = [
        ("visitors at once, minutes", f"{found.clients}, {found.minutes:g}"),
        ("jobs that the worker began", str(found.jobs)),
        ("jobs that overlapped", str(found.overlaps)),
        ("HTTP answers by status", ", ".join(f"{status}: {n}" for status, n in found.statuses.items())),
        ("answers with 5xx", str(len(found.broken))),
        ("/health not 200", str(sum(one.health != 200 for one in looks))),
        ("/health, slowest (s)", f"{max(one.health_seconds for one in looks):.2f}"),
        ("resident memory after warm-up (MB)", f"{min(memory):.0f} to {max(memory):.0f}"),
        ("its drift, last quarter against first", f"{100 * found.drift:+z.1f} %"),
        (
            "uploads, downloads, temporary files, most (MB)",
            f"{max(one.temp_MB for one in looks):.1f} of about {1000 * UPLOADS_GB:.0f}",
        ),
        ("exports, most (MB)", f"{max(one.exports_MB for one in looks):.1f} of {1000 * EXPORTS_GB:.0f}"),
        ("after SIGTERM: exit code, files left", f"{found.exit_code}, {len(found.left_behind)}"),
    ]
    lines = ["| soak | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| what visitors did, and how it ended | times |", "| --- | --- |"]
    lines += [f"| {name} | {n} |" for name, n in found.outcomes.items()]
    return "\n".join(lines)


def figure(found: Found) -> go.Figure:
    """Memory and folders over time."""
    drawn = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for row, name, label in (
        (1, "worker_MB", "worker"), (1, "server_MB", "server"), (2, "exports_MB", "exports"), (2, "temp_MB", "temporary files"),
    ):  # fmt: skip
        drawn.add_scatter(
            x=[one.seconds / 60 for one in found.looks], y=[getattr(one, name) for one in found.looks], name=label,
            row=row, col=1,
        )  # fmt: skip
    drawn.update_yaxes(title_text="resident memory (MB)", rangemode="tozero", row=1, col=1)
    drawn.update_yaxes(title_text="on disk (MB)", rangemode="tozero", row=2, col=1)
    drawn.update_xaxes(title_text="time (min)", row=2, col=1)
    title = f"{found.clients} visitors at once, {found.jobs} jobs"
    return drawn.update_layout(title=title, template="plotly_white", height=560)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    found = soak(args.minutes, args.clients)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "soak.json").write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    (args.out / "table.md").write_text(table(found) + "\n", encoding="utf-8")
    figure(found).write_html(args.out / "soak.html")
    print(table(found))


if __name__ == "__main__":
    terminal.prepare()
    main()
