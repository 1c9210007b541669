"""``python -m asrquant.export FOLDER THREADS``: the fresh process that an artifact is loaded back in."""

from __future__ import annotations

import sys

from asrquant.base.fresh import answer
from asrquant.export.loading import verify
from asrquant.export.manifest import to_json


def main(folder: str, threads: str) -> int:
    """Verify the artifact in ``folder``; the last line of the output is the ``Verification``."""
    return answer(threads, lambda: to_json(verify(folder)).decode())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
