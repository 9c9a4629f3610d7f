"""What a browser costs that looks at the display of ``tests.benchmarks.web``."""

import os
import shutil
import time
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import psutil
from tests.benchmarks.web_display import Display, say

__all__ = ["browse"]

FAULTS = 20


def browse(display: Display, seconds: float, hash_: str, what: str) -> None:
    """Look at it with a browser."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None or find_spec("playwright") is None:
        say(what, "left out: there is no Chromium here, or no Playwright")
        return
    with import_module("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{display.url}{hash_}")
        page.wait_for_selector("tr.live, #detail.live")
        page.wait_for_timeout(3000)
        processes = [
            each for each in psutil.Process().children(recursive=True) if "chrom" in each.name() and each.is_running()
        ]

        def used() -> float:
            return sum(sum(each.cpu_times()[:2]) for each in processes if each.is_running())

        pictures, before, server, began = page.evaluate("marketData.pictures"), used(), display.cpu(), time.monotonic()
        page.wait_for_timeout(seconds * 1000)
        passed = time.monotonic() - began
        drawn = (page.evaluate("marketData.pictures") - pictures) / passed
        say(
            what,
            f"{(used() - before) / passed * 100:.1f} % of a core, {drawn:.1f} pictures a second; "
            f"the server {(display.cpu() - server) / passed * 100:.1f} %",
        )
        if not hash_:
            faults(display, page)
        browser.close()


OBSERVED = """
window.seen = [];
let was = false;
new MutationObserver(() => {
  const is = document.querySelector('tr.not-live') !== null;
  if (is && !was) window.seen.push(Date.now());
  was = is;
}).observe(document.querySelector('#rows tbody'), { attributes: true, childList: true, subtree: true });
"""


def faults(display: Display, page: Any) -> None:
    """See how long it takes until a fault is on the page."""
    page.evaluate(OBSERVED)
    begun = []
    for _ in range(FAULTS):
        begun.append(time.time() * 1000)
        display.say("fault")
        page.wait_for_selector("tr.not-live")
        page.wait_for_selector("tr.not-live", state="detached")
    late = sorted(seen - at for seen, at in zip(page.evaluate("window.seen"), begun, strict=True))
    say("from a fault to its instrument being grey, median, most", f"{late[len(late) // 2]:.0f} ms {late[-1]:.0f} ms")
