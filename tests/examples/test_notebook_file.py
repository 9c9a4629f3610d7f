"""The notebook as a file: what can be told without what it imports."""

import json
from pathlib import Path

NOTEBOOK = Path(__file__).parents[2] / "examples" / "top_of_book.ipynb"


def test_the_notebook_stores_no_outputs_and_nothing_of_who_ran_it() -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert cell["metadata"] == {}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
