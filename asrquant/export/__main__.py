"""``python -m asrquant.export FOLDER THREADS``: the fresh process that an artifact is loaded back in."""

from __future__ import annotations

import sys

import torch

from asrquant.errors import AsrQuantError
from asrquant.export.loading import verify
from asrquant.export.manifest import to_json
from asrquant.fresh import end_with_parent


def main(folder: str, threads: str) -> int:
    """Verify the artifact in ``folder``; the last line of the output is the ``Verification``."""
    end_with_parent()
    torch.set_num_threads(int(threads))  # as many as the other process, so that sums are formed alike
    try:
        print(to_json(verify(folder)).decode())
    except AsrQuantError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
