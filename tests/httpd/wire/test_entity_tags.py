import pytest

from docstore.core.conditions import ANY
from docstore.httpd.wire.entity_tags import EntityTag, entity_tags


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("*", ANY),
        (" * ", ANY),
        ('"a"', [EntityTag("a")]),
        ('""', [EntityTag("")]),
        ('W/"a"', [EntityTag("a", weak=True)]),
        ('"a", "b"', [EntityTag("a"), EntityTag("b")]),
        ('"a","b" ,\tW/"c"', [EntityTag("a"), EntityTag("b"), EntityTag("c", weak=True)]),
        (',, "a" ,,', [EntityTag("a")]),
        ('"*"', [EntityTag("*")]),
        ('"1-a,b", "1-a b"', [EntityTag("1-a,b"), EntityTag("1-a b")]),
    ],
)
def test_lists(value: str, tags: object):
    assert entity_tags(value) == tags


@pytest.mark.parametrize(
    "value",
    ["", " ", ",", "a", '"a', 'a"', '"a" "b"', '"a""b"', '*, "a"', '"a", *', "**", 'w/"a"', 'W/ "a"', "W/a", '"a\x01"'],
)
def test_what_is_no_list(value: str):
    with pytest.raises(ValueError, match=r"tag"):
        entity_tags(value)
