"""The pictures of the README and of docs/, taken with Chromium from what the other commands wrote.

python examples/pictures.py --report build/eval/report.html --soak build/soak/soak.html --page http://127.0.0.1:7860

python examples/pictures.py --sizing build/sizing/chart.html

python examples/pictures.py --mermaid PATH/mermaid.min.js

Each is optional: the first chart of a benchmark's report, the chart of a soak, that of a server's sizing,
the page after a click on its first example,
the diagram of docs/architecture.md (drawn by the file mermaid.min.js of the npm package mermaid 11).
Needs playwright (tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import argparse
import html
import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_SECONDS = 1_500
"""Milliseconds for a chart to settle."""
_COLOURS = """
.node rect { fill: var(--md-code-bg-color) !important; stroke: var(--md-accent-fg-color) !important; }
text, tspan { fill: var(--md-default-fg-color) !important; }
.flowchart-link, .marker path { stroke: var(--md-default-fg-color--light) !important; }
.marker path { fill: var(--md-default-fg-color--light) !important; }
"""


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


def diagram(browser: Browser, mermaid: Path, page_of_docs: Path, picture: Path) -> None:
    """The Mermaid diagram of a page of docs as SVG, in the colours of the site, with its text in it."""
    text = re.findall(r"^```mermaid\n(.*?)^```$", page_of_docs.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[0]
    page = browser.new_page()
    page.set_content("<body></body>")
    page.add_script_tag(path=mermaid)
    drawn = page.evaluate(
        """async ([text, css]) => {
            mermaid.initialize({
                theme: "base", themeCSS: css, htmlLabels: false, fontFamily: "system-ui, sans-serif",
                flowchart: {htmlLabels: false, useMaxWidth: false, nodeSpacing: 30, rankSpacing: 36, wrappingWidth: 300},
            })
            return (await mermaid.render("diagram", text)).svg
        }""",
        [text, _COLOURS],
    )
    picture.write_text(drawn.replace("><", f"><desc>{html.escape(text)}</desc><", 1) + "\n", encoding="utf-8")
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--soak", type=Path)
    parser.add_argument("--sizing", type=Path)
    parser.add_argument("--page", metavar="URL")
    parser.add_argument("--mermaid", type=Path, metavar="FILE")
    args = parser.parse_args()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        if args.report:
            chart(browser, args.report, PICTURES / "benchmark.png")
        if args.soak:
            chart(browser, args.soak, PICTURES / "soak.png")
        if args.sizing:
            chart(browser, args.sizing, PICTURES / "server-sizing.png")
        if args.page:
            comparison(browser, args.page, PICTURES / "screenshot.png")
        if args.mermaid:
            diagram(browser, args.mermaid, PICTURES.with_name("architecture.md"), PICTURES / "architecture.svg")


if __name__ == "__main__":
    main()
