"""Asking a program that runs, over HTTP, what it says of itself."""

import re
import time
from collections.abc import Callable

import attrs
import httpx
from tests.support.programs import Running
from tests.support.scraping import Scrape

__all__ = ["Asked"]

_SECONDS = 45.0


@attrs.frozen
class Asked:
    """Where one program answers."""

    address: str

    @classmethod
    def of(cls, program: Running) -> "Asked":
        """Find out from what it logs, once it does."""
        program.wait_for_err("metrics and health can be asked for")
        (line,) = (line for line in program.err if "metrics and health can be asked for" in line)
        found = re.search(r"http://[^\"\s]+", line)
        assert found is not None
        return cls(found[0])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.address}{path}", timeout=_SECONDS, trust_env=False)

    def scrape(self) -> Scrape:
        answer = self.get("/metrics")
        assert answer.status_code == 200
        return Scrape.read(answer.text)

    def wait_until(self, holds: Callable[[], object], seconds: float = _SECONDS) -> None:
        """Ask again and again until something holds."""
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, self.get("/readyz").text
            time.sleep(0.05)

    def wait_for_status(self, status: int, seconds: float = _SECONDS) -> httpx.Response:
        """Wait until /readyz gives this one; gives that answer."""
        answers: list[httpx.Response] = []
        self.wait_until(lambda: answers.append(self.get("/readyz")) or answers[-1].status_code == status, seconds)
        return answers[-1]
