"""The README's pictures, taken with Chromium from what the other commands wrote.

python examples/pictures.py --report build/eval/report.html --soak build/soak/soak.html --page http://127.0.0.1:7860

Each is optional: the first chart of a benchmark's report, the chart of a soak, the page after a click on its first example.
Needs playwright (tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SECONDS = 1_500
"""Milliseconds for a chart to settle."""


def chart(browser: Browser, file: Path, picture: Path) -> None:
    """The first Plotly chart of an HTML file."""
    page = browser.new_page(viewport={"width": 1000, "height": 900}, device_scale_factor=1.5)
    page.goto(file.resolve().as_uri())
    page.wait_for_timeout(_SECONDS)
    page.locator(".js-plotly-plot").first.screenshot(path=picture)
    page.close()


def comparison(browser: Browser, url: str, picture: Path) -> None:
    """The page with openvino-int8 on its first example."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{url}/?__theme=light")
    page.wait_for_selector("#examples button")
    page.locator("#preset input").fill("openvino-int8")
    page.keyboard.press("Enter")
    page.locator("#examples button").first.click()
    page.wait_for_selector("#divergence .js-plotly-plot", timeout=120_000)
    page.wait_for_timeout(_SECONDS)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=picture, full_page=True)
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--soak", type=Path)
    parser.add_argument("--page", metavar="URL")
    args = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if args.report:
            chart(browser, args.report, HERE / "benchmark.png")
        if args.soak:
            chart(browser, args.soak, HERE / "soak.png")
        if args.page:
            comparison(browser, args.page, HERE / "screenshot.png")


if __name__ == "__main__":
    main()
