"""A text of which the editor shows a part."""

from tests.web.running import needs_node, run_module


@needs_node
def test_laws_of_a_text_of_which_a_part_is_shown() -> None:
    assert run_module("long_text_laws.mjs", "5", "20").strip() == "20"
