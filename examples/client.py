"""Ask a running page for a comparison: ``python examples/client.py CLIP [REFERENCE] [--preset NAME] [--settings JSON]``."""

from __future__ import annotations

import argparse
import json
import sys

from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("reference", nargs="?", default="", help="what is said; without it there is no WER")
    parser.add_argument("--preset", default="dynamic-int8")
    parser.add_argument(
        "--settings", type=json.loads, help="""of --preset custom, such as '{"schemes": {"head": "dynamic"}}'"""
    )
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    args = parser.parse_args()

    page = Client(args.url, verbose=False)
    try:
        answer = page.predict(
            handle_file(args.clip),  # all that must be given; what follows are the page's settings, in this order
            args.preset,
            args.reference,
            "an4",
            "ngram",
            3,
            args.settings,
            api_name="/compare",
        )
    except AppError as error:
        sys.exit(str(error))
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
