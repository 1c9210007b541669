"""``python -m asrquant.export FOLDER RESULT THREADS``: the fresh process that an artifact is loaded back in."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import torch

from asrquant.errors import AsrQuantError
from asrquant.export.loading import verify
from asrquant.export.manifest import write_json


def _end_with_parent() -> None:
    os.read(0, 1)  # returns when the parent is gone; nothing is ever written
    os._exit(1)


def main(folder: str, result: str, threads: str) -> int:
    """Verify the artifact in ``folder`` and write the ``Verification`` to ``result``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(int(threads))  # as many as the other process, so that sums are formed alike
    try:
        write_json(verify(folder), Path(result))
    except AsrQuantError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
