"""``python -m tools.page_pictures`` makes README's pictures of the page in ``docs``: the demo, as a browser shows it.

With a FOLDER it makes more of them there: other views, widths and colours.
"""

import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from tests.support.programs import running

__all__ = ["main"]

_SHOWN_SECONDS = 75.0
_MOMENT_SECONDS = {"page-watchlist": 1}
_DEMO = ("demo", "--view", "web", "--venues", "all", "--faults", "demo")
_OF_README = ("page-watchlist", "page-instrument")
_VIEWS = {
    "page-watchlist": ("", 1280, 560, "dark"),
    "page-instrument": ("#/book/binance:BTC-USDT", 1280, 800, "dark"),
    "page-across": ("#/best", 1280, 420, "light"),
    "page-venues": ("#/venues", 1280, 800, "light"),
    "page-wide": ("#/book/kraken:BTC-USD", 2560, 1300, "dark"),
    "page-phone": ("", 390, 844, "light"),
    "page-phone-instrument": ("#/book/coinbase:BTC-USD", 390, 844, "dark"),
}


def main() -> None:
    """Run the demo for a while, and write what the page looks like."""
    target, names = (Path(sys.argv[1]), tuple(_VIEWS)) if len(sys.argv) > 1 else (Path("docs"), _OF_README)
    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(*_DEMO, folder=Path(folder), environ={"TMPDIR": folder}) as demo,
        sync_playwright() as playwright,
    ):
        demo.wait_for_out("the page is at ", seconds=60)
        url = re.findall(r"the page is at (\S+)", "\n".join(demo.out))[0]
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        _rest(browser, url)
        for name in names:
            _draw(browser, url, name, target)
        browser.close()
        status = demo.end(signal.SIGINT).status
    sys.exit(status)


def _rest(browser: Browser, url: str) -> None:
    """Let the market make a past of some length, while one page looks."""
    page = browser.new_page()
    page.goto(url)
    page.wait_for_timeout(_SHOWN_SECONDS * 1000)
    page.close()


def _draw(browser: Browser, url: str, name: str, target: Path) -> None:
    view, width, height, scheme = _VIEWS[name]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{url}{view}")
    page.wait_for_selector("body:not(.starting)")
    if name == "page-watchlist":
        page.wait_for_selector("tr.not-live")
    page.wait_for_timeout(_MOMENT_SECONDS.get(name, 5) * 1000)
    page.screenshot(path=target / f"{name}.png")
    page.close()
    sys.stdout.write(f"{target / name}.png\n")


if __name__ == "__main__":
    main()
