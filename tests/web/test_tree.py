"""The revision tree as the page draws it."""

from tests.web.running import needs_node, run_module


@needs_node
def test_ancestors_and_layouts() -> None:
    assert run_module("tree_cases.mjs").strip() == "ok"
