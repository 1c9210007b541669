"""Ask a running page for a comparison: ``python examples/client.py CLIP [REFERENCE] [--url http://127.0.0.1:7860]``."""

from __future__ import annotations

import argparse
import json

from gradio_client import Client, handle_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip")
    parser.add_argument("reference", nargs="?", default="")
    parser.add_argument("--preset", default="dynamic-int8")
    parser.add_argument("--url", default="http://127.0.0.1:7860")
    args = parser.parse_args()

    page = Client(args.url, verbose=False)
    answer = page.predict(handle_file(args.clip), args.preset, args.reference, "an4", "ngram", 3, api_name="/compare")
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
