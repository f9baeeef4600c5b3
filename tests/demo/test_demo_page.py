"""The page itself, in a browser without a window: needs Gradio, Playwright and a Chromium."""

from __future__ import annotations

import csv
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from molflow.config import DemoConfig
from molflow.errors import InputError

pytestmark = pytest.mark.slow

SECONDS = 300
"""Of one wait at most: long, for machines that do other things too."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MADE = "document.querySelector('.mf-status b')?.textContent === '{} of {} molecules'"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def address(model_folder) -> Iterator[str]:
    """A page that offers the small model."""
    pytest.importorskip("gradio", reason="gradio serves the page: the extra demo")
    from molflow.demo.serving import serve

    config = DemoConfig(checkpoint=str(model_folder), port=free_port())
    yield serve(config, wait=False)
    import gradio

    gradio.close_all()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Of this machine, or else that of Playwright."""
    driver = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    here = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    with driver.sync_playwright() as play:
        if here is None and not Path(play.chromium.executable_path).exists():
            pytest.skip("no Chromium here: playwright install chromium")
        opened = play.chromium.launch(executable_path=here, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(params=[(1400, 900), (390, 844)], ids=["desktop", "phone"])
def page(request, browser, address) -> Iterator[Any]:
    """The page, which may fetch nothing from elsewhere, at the width of a desktop and a phone."""
    width, height = request.param
    opened = browser.new_page(viewport={"width": width, "height": height}, accept_downloads=True)
    opened.set_default_timeout(1000 * SECONDS)
    elsewhere: list[str] = []
    failures: list[str] = []

    def ask(route: Any) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    opened.route("http://**", ask)
    opened.route("https://**", ask)
    opened.on("response", lambda one: failures.append(one.url) if one.status >= 400 else None)
    opened.on("pageerror", lambda error: failures.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#mf-go")
    yield opened
    assert elsewhere == []
    assert failures == []
    opened.close()


def make(page: Any, n: int) -> None:
    """Ask for n molecules and wait for them."""
    page.get_by_label("number input for molecules").fill(str(n))
    page.get_by_label("number input for molecules").blur()
    page.click("#mf-go")
    page.wait_for_function(MADE.format(n, n))


def test_molecules_are_made_sorted_picked_and_saved(page, tmp_path):
    make(page, 20)
    assert page.locator(".mf-card").count() == 20
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("valid, distinct").check()
    page.wait_for_function("document.querySelectorAll('.mf-card').length < 20")
    page.get_by_label("largest first").check()
    page.wait_for_function(
        "(() => { const at = [...document.querySelectorAll('.mf-pick')].map((b) => +b.value);"
        " return at[0] > at[1]; })()"
    )
    picked = [page.locator(".mf-pick").nth(k).get_attribute("value") for k in (0, 1)]
    for k in (0, 1):
        page.locator(".mf-pick").nth(k).check()
    page.get_by_label("largest first").uncheck()
    page.wait_for_function(f"document.querySelector('.mf-pick[value=\"{picked[0]}\"]').checked")
    with page.expect_download() as saving:
        page.click("#mf-csv")
    saving.value.save_as(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["index"]) for row in rows) == sorted(map(int, picked))
    with page.expect_download() as saving:
        page.click("#mf-sdf")
    saving.value.save_as(tmp_path / "a.sdf")
    assert (tmp_path / "a.sdf").read_text().count("$$$$") == 2


def test_the_code_and_the_film_of_the_run_are_shown(page, model_folder):
    make(page, 9)
    page.get_by_role("tab", name="The same as code").click()
    page.wait_for_selector("#mf-command >> text=molflow.sample")
    text = page.locator("#mf-command .cm-content").inner_text()
    assert text.replace("\\\n", "").split()[:4] == [
        "python",
        "-m",
        "molflow.sample",
        f"checkpoint={model_folder}",
    ]
    page.get_by_role("tab", name="Film").click()
    page.click("#mf-show")
    page.wait_for_selector(".mf-films img")
    assert page.locator(".mf-films img").count() == 3
    loaded = "[...document.querySelectorAll('.mf-films img')].every((one) => one.naturalWidth > 0)"
    page.wait_for_function(loaded)


def test_a_mistake_is_a_message_and_no_traceback(page):
    page.get_by_role("button", name="Scaffold").click()
    page.get_by_label("scaffold (SMILES)").fill("C1CC<b>")
    page.wait_for_selector(".mf-error >> text=does not parse as SMILES")
    page.click("#mf-go")
    page.wait_for_selector(".toast-body >> text=does not parse as SMILES")
    assert "Traceback" not in page.content()


def test_a_port_that_is_taken_is_one_line(address):
    from molflow.demo.serving import serve

    port = int(address.rstrip("/").rpartition(":")[2])
    with pytest.raises(InputError, match=f"host=127.0.0.1 port={port}: "):
        serve(DemoConfig(port=port), wait=False)
