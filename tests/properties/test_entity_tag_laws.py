"""Laws of entity tag lists: what is printed is read, and whatever is sent is read in linear time or refused."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.conditions import ANY, rev_etag
from docstore.core.rev import Rev
from docstore.httpd.replies import etag_matches
from docstore.httpd.wire.entity_tags import EntityTag, entity_tags
from tests.properties.revisions import histories

HOSTILE = 200_000

texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters='"\x7f'), max_size=6)
tags = st.builds(EntityTag, texts, st.booleans())
spaces = st.text(" \t", max_size=2)
separators = st.builds("{}{}{}{}".format, spaces, st.sampled_from([",", ",,", ", ,"]), spaces, st.just(""))


def printed(tag: EntityTag) -> str:
    return f'{"W/" if tag.weak else ""}"{tag.text}"'


@given(st.lists(tags, min_size=1, max_size=5), st.data())
def test_what_is_printed_is_read(wanted: list[EntityTag], data: st.DataObject):
    value = data.draw(spaces)
    for place, tag in enumerate(wanted):
        value += (data.draw(separators) if place else "") + printed(tag)
    assert entity_tags(value + data.draw(spaces)) == wanted


@given(st.text(st.sampled_from('"W/*, \tab1-')))
def test_anything_is_read_or_refused(value: str):
    try:
        found = entity_tags(value)
    except ValueError:
        return
    if found == ANY:
        assert value.strip(" \t") == ANY
    else:
        assert entity_tags(", ".join(map(printed, found))) == found
        assert value.count('"') == 2 * len(found)


@given(histories())
def test_the_tags_of_revisions_survive_a_header(history):
    revs: list[Rev] = list(history.paths)
    value = ", ".join(f'"{rev_etag(rev)}"' for rev in revs)
    assert [tag.text for tag in entity_tags(value)] == list(map(rev_etag, revs))
    assert all(etag_matches(value, rev_etag(rev)) for rev in revs)


@pytest.mark.parametrize("piece", ['"', " ", ",", "W/", '"a"', '"a",', "\t ", '" ,"'])
def test_hostile_headers_cost_no_more_than_their_length(piece: str):
    value = (piece * HOSTILE)[:HOSTILE] + "!"
    began = perf_counter()
    with pytest.raises(ValueError, match="tag"):
        entity_tags(value)
    assert perf_counter() - began < 10, "a search that goes back would take hours"
