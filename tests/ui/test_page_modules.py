"""The tab "Modules" in a real browser, against the real server."""

from __future__ import annotations

from pages import NEEDS_CHROMIUM, SLOW

pytestmark = NEEDS_CHROMIUM


def test_layers_then_parts_then_the_suggestion_in_compare(open_page) -> None:
    from playwright.sync_api import expect

    page = open_page()
    page.get_by_role("tab", name="Modules").click()
    page.locator("#layers").click()
    expect(page.locator("#treemap .js-plotly-plot .treemaplayer")).to_be_visible(timeout=SLOW)
    expect(page.locator("#parts table")).to_contain_text("transformer_layers")
    expect(page.locator("#parts caption")).to_contain_text("dynamic-int8")
    page.locator("#measure-parts").click()
    expect(page.locator("#sensitivity .js-plotly-plot")).to_be_visible(timeout=SLOW)
    rows = page.locator("#effects tbody th").all_inner_texts()
    assert rows[0] == "feature_extractor, static" and rows[-1] == "suggested, together"
    page.locator("#use-suggestion").click()
    expect(page.locator("#preset input")).to_have_value("custom")
    own = page.locator("#custom").first
    expect(own).to_be_visible()
    chosen = own.locator("input[type=radio]:checked").evaluate_all("all => all.map(each => each.value)")
    assert chosen[0] == "float" and "dynamic" in chosen[1:5]  # the feature extractor stays as it is
    page.locator("#examples button").first.click()
    expect(page.locator("#cards .aq-card").first).to_be_visible(timeout=SLOW)
    expect(page.locator("#divergence .js-plotly-plot")).to_be_visible(timeout=SLOW)
    expect(page.locator("#moments table")).to_contain_text("whole clip, mean")
