"""A real browser, and a server beside it that does what the test says."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import attrs
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from tests.support.web import WebWorld, offered

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


expect.set_options(timeout=20_000)


@attrs.define
class Server:
    """A display that is open in another thread."""

    portal: BlockingPortal
    world: WebWorld

    @property
    def url(self) -> str:
        return self.world.url

    def do(self, what: Callable[..., Any], *arguments: Any) -> Any:
        """Do it where the server lives."""
        return self.portal.call(what, *arguments)

    def show(self, *books: Any) -> None:
        self.do(self.world.show, *books)

    def refresh(self) -> None:
        self.do(self.world.refresh)


@contextmanager
def serve(**options: Any) -> Iterator[Server]:
    """Offer the page; time passes for it."""
    with start_blocking_portal() as portal, ExitStack() as stack:
        world = stack.enter_context(portal.wrap_async_context_manager(offered(**options)))
        ticking = portal.start_task_soon(_tick, world)
        stack.callback(ticking.cancel)
        yield Server(portal, world)


async def _tick(world: WebWorld) -> None:
    while True:
        await anyio.sleep(0.5)
        world.refresh()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium, or CHROMIUM=its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@attrs.define
class Watched:
    """What a page did that it should not."""

    said: list[str] = attrs.field(factory=list)
    asked: list[str] = attrs.field(factory=list)
    allowed: tuple[str, ...] = ()
    """What may be said on the console."""

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self._hear(message))  # noqa: PLW0108 - it wants to put marks on what it calls
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(each in message.text for each in self.allowed):
            self.said.append(message.text)


@attrs.define
class Opener:
    """Opens pages that are watched."""

    browser: Browser
    contexts: list[Any] = attrs.field(factory=list)
    watched: list[tuple[Watched, str]] = attrs.field(factory=list)

    def __call__(self, url: str, allowed: tuple[str, ...] = (), **options: Any) -> Page:
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(20_000)
        self.contexts.append(context)
        page = context.new_page()
        watched = Watched(allowed=allowed)
        watched.watch(page)
        self.watched.append((watched, url.split("/#", maxsplit=1)[0].split("?", maxsplit=1)[0]))
        page.goto(url)
        return page

    def check(self) -> None:
        for watched, url in self.watched:
            assert watched.said == []
            assert [each for each in watched.asked if not each.startswith((url, "data:"))] == []


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Opener]:
    opener = Opener(chromium)
    yield opener
    for context in opener.contexts:
        context.close()
    opener.check()
