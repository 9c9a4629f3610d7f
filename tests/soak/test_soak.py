"""The soak as it is started by hand, for seconds: only that it runs, and compares."""

import re
import subprocess
import sys

import pytest


@pytest.mark.timeout(120)
def test_a_soak_of_seconds_compares_records_with_the_truth_and_finds_none_wrong() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.soak", "--minutes", "0.2", "--seed", "1"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    said = r"^records +\d+, (\d+) live and compared with \d+ true states, wrong: 0$"
    compared = re.search(said, ended.stdout, re.MULTILINE)
    assert compared is not None, ended.stdout + ended.stderr
    assert int(compared.group(1)) > 0, ended.stdout + ended.stderr
