"""The pictures of the README and of docs/, taken with Chromium from what the other commands wrote.

python examples/pictures.py --report build/eval/report.html --soak build/soak/soak.html --page http://127.0.0.1:7860

python examples/pictures.py --sizing build/sizing/chart.html

python examples/pictures.py --mermaid PATH/mermaid.min.js

Each is optional: the first chart of a benchmark's report, the chart of a soak, that of a server's sizing,
the page (a server that has finished its first comparison, on a machine that is quiet): its first screen, all presets on one clip
and a finished comparison, light and dark, 1280 and 390 pixels wide,
the diagram of docs/architecture.md (drawn by the file mermaid.min.js of the npm package mermaid 11).
Needs playwright (tests/requirements.txt) and Chromium.
"""

from __future__ import annotations

import argparse
import html
import io
import re
import shutil
from pathlib import Path

from PIL import Image
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


SCREENS = {"wide": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
THEMES = ("light", "dark")


def screens(browser: Browser, url: str) -> None:
    """The page as people meet it: ``showcase-first-wide-light.png`` and so on."""
    for theme in THEMES:
        for name, size in SCREENS.items():
            page = browser.new_page(viewport=size, device_scale_factor=2 if name == "phone" else 1)
            page.goto(f"{url}/?__theme={theme}")
            page.wait_for_selector("#cards .aq-sentence", timeout=60_000)
            if "being measured" in page.locator("#cards").inner_text():
                page.wait_for_selector("#ready", timeout=300_000)
                page.reload()
            page.wait_for_selector("#clip a[download]", timeout=60_000)
            page.wait_for_timeout(_SECONDS)

            def save(what: str, full: bool = False, page=page, name=name, theme=theme) -> None:
                page.evaluate("document.activeElement.blur()")
                page.evaluate("window.scrollTo(0, 0)")
                page.wait_for_timeout(_SECONDS)
                with Image.open(
                    io.BytesIO(page.screenshot(full_page=full))
                ) as picture:  # flat colours: a quarter of the bytes
                    small = picture.convert("RGB").quantize(256, method=Image.Quantize.FASTOCTREE)
                    small.save(PICTURES / f"showcase-{what}-{name}-{theme}.png", optimize=True)

            save("first")
            page.locator("#all-presets").click()
            page.wait_for_selector("#pareto .js-plotly-plot .scatterlayer", timeout=300_000)
            save("presets", full=True)
            page.locator("#examples button").first.click()
            page.wait_for_selector("#divergence .js-plotly-plot", timeout=120_000)
            save("comparison", full=True)
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
            screens(browser, args.page)
        if args.mermaid:
            diagram(browser, args.mermaid, PICTURES.with_name("architecture.md"), PICTURES / "architecture.svg")


if __name__ == "__main__":
    main()
