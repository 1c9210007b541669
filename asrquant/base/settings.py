"""What the environment says."""

from __future__ import annotations

import os


def on_a_space() -> bool:
    """Whether this runs as a Hugging Face Space, which is open to anyone."""
    return bool(os.environ.get("SPACE_ID"))
