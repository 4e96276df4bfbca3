"""The page in a browser: on a phone and in the dark, without a network, with its switches, and harmless."""

import json
import shutil
from pathlib import Path

import pytest

from commands.compare.test_compare import CLOSING, EVIL
from commands.compare.written import config, small_model, write_run
from ganzoo.cli import main

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install -e '.[dev]')")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a chromium in the path (apt-get install chromium)")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """The page of three settings: two seeds, one of an earlier version, and one with HTML wherever it can be."""
    folder = tmp_path_factory.mktemp("page")
    evil = folder / EVIL.replace("/", "")
    runs = [
        write_run(folder / "a0", (30.0, 20.0, 10.0, 8.0), config(0), model=small_model()),
        write_run(folder / "a1", (34.0, 22.0, 12.0, 10.0), config(1)),
        write_run(folder / "old", (31.0, 25.0, 21.0, 19.0), config(0, lr=1e-3), recipe=None, times=None),
        write_run(evil, options=config(root=f"/data/{CLOSING}"), more={f"val/{EVIL}": 1.0, CLOSING: 2.0}),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ganzoo.commands.compare.command.save_comparison", lambda *args: args[3].touch())
        main(["compare", *map(str, runs), "--out", str(folder / "page.html")])
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield made
        made.close()


LOOKS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "has_touch": True},
}


@pytest.fixture
def page(request, browser, file):
    """The page, opened; what it asks for and complains of is in `asked` and `wrong`."""
    look = getattr(request, "param", "desktop")
    with browser.new_context(**LOOKS[look]) as context:
        made = context.new_page()
        made.asked, made.wrong, made.look = [], [], look
        made.on("request", lambda request: made.asked.append(request.url))
        made.on("console", lambda message: made.wrong.append(message.text))
        made.on("pageerror", lambda error: made.wrong.append(str(error)))
        made.on("dialog", lambda dialog: (made.wrong.append(dialog.message), dialog.dismiss()))
        made.goto(file.as_uri())
        made.locator(".chart svg").first.wait_for()
        yield made


@pytest.mark.parametrize("page", LOOKS, indirect=True)
def test_it_fits_asks_nobody_and_shows_what_it_should(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert [url for url in page.asked if not url.startswith("data:")] == [page.url]
    assert page.wrong == []
    assert page.evaluate("[...document.images].filter((i) => !i.hidden && !i.naturalWidth).length") == 0
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, back[4:-1].split(","))) > 700) == (page.look == "desktop")
    # HTML in a run's name, its data's path and its metrics' names is text
    assert page.get_by_text(EVIL.replace("/", "")).count() > 0
    assert f"/data/{CLOSING}" in page.locator("#settings").text_content()
    assert page.locator("script").count() == 2
    page.locator("summary", has_text="Losses").click()
    assert page.locator("h3", has_text=CLOSING).count() == 1
    assert "no recipe is stored" in page.locator("#scores").inner_text()
    assert page.locator(".best").count() == 0


def test_a_script_of_others_does_not_run(page):
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.evil = 1";
            document.body.append(script);
        }"""
    )
    assert page.evaluate("window.evil") is None
    assert "Content Security Policy" in page.wrong[0]


def lines(page):
    """The points of the lines of the first chart, by the class of their setting."""
    found = page.locator(".chart").first.locator("polyline").all()
    return {line.get_attribute("class").split()[-1]: line.get_attribute("points") for line in found}


def test_the_axes_can_be_chosen(page):
    chart = page.locator(".chart").first
    assert page.locator("input[value=steps]").is_checked()  # an old run has no other axis
    assert set(lines(page)) == {"s0", "s1", "s2"}
    rounds = lines(page)
    assert chart.get_by_text("rounds", exact=True).count() == 1
    page.locator("input[value=seconds]").check()
    assert set(lines(page)) == {"s0", "s2"}
    assert "did not record this axis" in chart.locator(".readout").inner_text()
    assert chart.get_by_text("time of training", exact=True).count() == 1
    page.locator("input[value=steps]").check()
    assert lines(page) == rounds
    page.locator("input[name=log]").check()
    assert lines(page)["s0"] != rounds["s0"]
    page.locator("input[name=log]").uncheck()
    page.locator("input[name=seeds]").check()
    assert chart.locator("polyline.thin").count() == 2
    page.locator("input[name=smooth]").focus()
    page.keyboard.press("End")
    assert page.locator("#controls output").inner_text() == "0.98"
    heights = [float(place.split(",")[1]) for place in lines(page)["s0"].split()]
    before = [float(place.split(",")[1]) for place in rounds["s0"].split()]
    assert max(heights) - min(heights) < max(before) - min(before)


def test_values_are_read_by_pointer_and_by_keys(page):
    chart = page.locator(".chart").first
    chart.locator("svg").scroll_into_view_if_needed()
    chart.locator("svg").focus()
    page.keyboard.press("Home")
    # seeds 30 and 34: mean 32, deviation sqrt(8); then the one of 31, and 30 of the run with HTML
    assert chart.locator(".readout").inner_text() == "rounds 10: A 32 ± 2.828, B 31, C 30"
    page.keyboard.press("ArrowRight")
    assert chart.locator(".readout").inner_text().startswith("rounds 20: A 21 ± 1.414, B 25, C 20")
    box = chart.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 24, box["y"] + 50)
    assert chart.locator(".readout").inner_text().startswith("rounds 40: A 9 ± 1.414")
    page.mouse.move(0, 0)
    assert chart.locator(".readout").inner_text() == ""


def test_the_slider_moves_all_runs_together(page):
    pictures = page.locator("img[data-run]")
    assert page.locator("#slider output").inner_text() == "40"
    last = [pictures.nth(n).get_attribute("src") for n in range(4)]
    page.locator("#slider input").focus()
    page.keyboard.press("Home")
    assert page.locator("#slider output").inner_text() == "0"
    first = [pictures.nth(n).get_attribute("src") for n in range(4)]
    assert all(a != b for a, b in zip(first, last, strict=True))
    page.keyboard.press("ArrowRight")
    assert page.locator("#slider output").inner_text() == "20"


def test_all_options_are_a_switch(page):
    rows = page.locator("#settings tbody tr")
    few = [n for n in range(rows.count()) if rows.nth(n).is_visible()]
    assert "model.generator_optimizer.lr" in page.locator("#settings").inner_text()
    assert "trainer.max_steps" not in page.locator("#settings").inner_text()
    page.locator("label[for=all]").click()
    assert "trainer.max_steps" in page.locator("#settings").inner_text()
    assert len(few) < rows.count()


def test_it_prints_without_its_switches(browser, file):
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.emulate_media(media="print", color_scheme="dark")
        assert not page.locator("#controls").is_visible()
        assert page.locator(".chart svg").first.is_visible()
        assert len(page.pdf()) > 10_000


def test_without_a_script_the_rest_is_there(browser, file):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        assert "The curves need JavaScript" in page.locator("#curves").inner_text()
        assert page.locator("img[data-run]").first.is_visible()
        data = json.loads(page.locator("#data").text_content())
        assert data["letters"] == ["A", "B", "C"]
