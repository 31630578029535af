"""What a request of Cloudant's clients makes of a security object."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docstore.core.security.granting import ROLES, granted
from docstore.errors import BadRequest

PRESENT = {"members": {"names": ["sue"]}, "cloudant": {"ann": ["_admin"]}, "other": 1}

GRANTS = st.dictionaries(st.text(min_size=1), st.lists(st.sampled_from(sorted(ROLES))))


@given(GRANTS)
def test_the_roles_are_replaced_and_all_else_stays(roles):
    assert granted(PRESENT, {"cloudant": roles}) == PRESENT | {"cloudant": roles}
    assert PRESENT["cloudant"] == {"ann": ["_admin"]}


def test_couchdbs_half_is_replaced_where_it_is_told():
    told = {"cloudant": {}, "admins": {"names": ["x"]}, "members": {}, "couchdb_auth_only": True, "else": 2}
    assert granted(PRESENT, told) == {
        "members": {},
        "admins": {"names": ["x"]},
        "cloudant": {},
        "couchdb_auth_only": True,
        "other": 1,
    }


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, "`cloudant` is required."),
        ({"cloudant": []}, "`cloudant` must be an object: roles by user."),
        ({"cloudant": {"": []}}, "`cloudant` has a user without a name."),
        ({"cloudant": {"sue": "_reader"}}, "`cloudant`: the roles of sue must be an array of strings."),
        ({"cloudant": {"sue": [1]}}, "`cloudant`: the roles of sue must be an array of strings."),
        ({"cloudant": {"sue": ["_reader", "reader"]}}, "`cloudant`: there is no role reader."),
        ({"cloudant": {}, "couchdb_auth_only": "yes"}, "`couchdb_auth_only` must be true or false."),
    ],
)
def test_what_is_refused(told, reason):
    with pytest.raises(BadRequest) as refusal:
        granted(PRESENT, told)
    assert refusal.value.reason == reason
