"""Laws of the three-way merge: identity, agreement, symmetry of what does not clash, and one result on every node."""

from hypothesis import given
from hypothesis import strategies as st

from docstore.core.json_text import JsonValue, encode
from docstore.core.merging import Version, merge_versions, same_json

NAMES = st.sampled_from(["a", "b", "c", "d/e", "~"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from([0.0, -0.0, 1.0]), st.sampled_from("xyz")
)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=4)
DIGESTS = st.dictionaries(NAMES, st.sampled_from(["md5-1", "md5-2"]), max_size=3)
VERSIONS = st.builds(Version, BODIES, DIGESTS)


def same(left: Version, body: dict[str, JsonValue], attachments: dict[str, str]) -> bool:
    return same_json(dict(left.body), body) and dict(left.attachments) == attachments


@given(VERSIONS, VERSIONS)
def test_a_side_that_changed_nothing_gives_the_other(base: Version, other: Version) -> None:
    for leaves in ([base, other], [other, base]):
        merged = merge_versions(base, leaves)
        assert merged.clashes == ()
        assert same(other, merged.body, merged.attachments)


@given(VERSIONS, VERSIONS)
def test_sides_that_agree_give_what_they_agree_on(base: Version, both: Version) -> None:
    merged = merge_versions(base, [both, both])
    assert merged.clashes == ()
    assert same(both, merged.body, merged.attachments)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_same_places_clash_whoever_wins(base: Version, left: Version, right: Version) -> None:
    one, two = merge_versions(base, [left, right]), merge_versions(base, [right, left])
    assert set(one.clashes) == set(two.clashes)


@given(BODIES, BODIES, BODIES)
def test_what_does_not_clash_is_symmetric(
    base: dict[str, JsonValue], ours: dict[str, JsonValue], theirs: dict[str, JsonValue]
) -> None:
    sides = [Version(body, {}) for body in (base, ours, theirs)]
    one, two = merge_versions(sides[0], sides[1:]), merge_versions(sides[0], sides[:0:-1])
    if not one.clashes:
        assert same_json(_sorted_arrays(one.body), _sorted_arrays(two.body))


@given(st.one_of(st.none(), VERSIONS), st.lists(VERSIONS, min_size=1, max_size=4))
def test_a_merge_is_a_function_of_its_values(base: Version | None, leaves: list[Version]) -> None:
    one, two = merge_versions(base, leaves), merge_versions(base, list(leaves))
    assert encode(one.body) == encode(two.body)
    assert one == two


@given(VERSIONS, VERSIONS)
def test_without_an_ancestor_the_winner_stays_and_any_difference_is_named(winner: Version, other: Version) -> None:
    merged = merge_versions(None, [winner, other])
    assert same(winner, merged.body, merged.attachments)
    assert bool(merged.clashes) != same(winner, dict(other.body), dict(other.attachments))


def _sorted_arrays(value: JsonValue) -> JsonValue:
    """Additions from both sides to one array stand in winner order; as sets they are the same."""
    if isinstance(value, dict):
        return {name: _sorted_arrays(member) for name, member in value.items()}
    if isinstance(value, list):
        return sorted((_sorted_arrays(item) for item in value), key=repr)
    return value
