"""``python -m asrquant``."""

import sys

from asrquant.cli import main

if __name__ == "__main__":
    sys.exit(main())
