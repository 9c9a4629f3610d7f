"""The page's modules hold to the types that they declare."""

import json
import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

TSC = os.environ.get("TSC") or shutil.which("tsc")

pytestmark = [pytest.mark.browser, pytest.mark.skipif(TSC is None, reason="needs TypeScript (nox installs it by npm)")]


def test_every_module_holds_to_its_types(tmp_path: Path) -> None:
    page = Path(str(resources.files("market_data.adapters.web") / "page"))
    options = {
        "allowJs": True,
        "checkJs": True,
        "noEmit": True,
        "strict": True,
        "target": "es2023",
        "lib": ["es2023", "dom", "dom.iterable"],
        "module": "esnext",
        "moduleResolution": "bundler",
    }
    settings = tmp_path / "tsconfig.json"
    files = sorted(map(str, page.glob("*.js")))
    settings.write_text(json.dumps({"compilerOptions": options, "files": files}), encoding="utf-8")
    done = subprocess.run([str(TSC), "-p", settings], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout
