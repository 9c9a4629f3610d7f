"""The page's own modules, where Node is: they can be read, and their exact arithmetic equals Python's."""

import json
import shutil
import subprocess
from decimal import ROUND_HALF_UP, Decimal, localcontext
from importlib import resources
from pathlib import Path
from random import Random

import pytest

PAGE = Path(str(resources.files("market_data.adapters.web") / "page"))
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="needs node")


@pytest.mark.parametrize("module", sorted(path.name for path in PAGE.glob("*.js")))
def test_a_module_can_be_read(module: str, tmp_path: Path) -> None:
    copy = tmp_path / module.replace(".js", ".mjs")
    shutil.copy(PAGE / module, copy)
    done = subprocess.run([str(NODE), "--check", copy], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


SCRIPT = """
import { decimal, minus, over, padded, plus, text, times, trimmed, bpsOf } from "./decimal.mjs";
const cases = JSON.parse(process.argv[2]);
console.log(JSON.stringify(cases.map(([a, b, places]) => ({
  plus: text(plus(decimal(a), decimal(b))),
  minus: text(minus(decimal(a), decimal(b))),
  times: text(times(decimal(a), decimal(b))),
  over: text(over(decimal(a), decimal(b), places)),
  trimmed: trimmed(a), padded: padded(a, places), bps: bpsOf(a),
}))));
"""


def test_its_decimals_are_exact(tmp_path: Path) -> None:
    random = Random(5)

    def number() -> str:
        return f"{random.randrange(10 ** random.randrange(1, 15))}" + random.choice(
            ("", f".{random.randrange(10**8):08}", f".{random.randrange(100):02}", ".50", ".00")
        )

    cases = [(number(), number(), random.randrange(9)) for _ in range(300)]
    cases = [case for case in cases if Decimal(case[1])]
    shutil.copy(PAGE / "decimal.js", tmp_path / "decimal.mjs")
    script = tmp_path / "script.mjs"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [str(NODE), script, json.dumps(cases)], capture_output=True, text=True, check=True, timeout=30
    )
    with localcontext() as context:
        context.prec = 80
        for (a, b, places), found in zip(cases, json.loads(done.stdout), strict=True):
            one, other = Decimal(a), Decimal(b)
            assert Decimal(found["plus"]) == one + other
            assert Decimal(found["minus"]) == one - other
            assert Decimal(found["times"]) == one * other
            exact = (one / other).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
            assert Decimal(found["over"]) == exact, (a, b, places)
            assert Decimal(found["trimmed"]) == Decimal(found["padded"]) == one
            assert not (("." in found["trimmed"]) and found["trimmed"].endswith(("0", ".")))
            assert Decimal(found["bps"]) == one * 100
