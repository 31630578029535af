"""API keys, grants and claims."""

import pytest

from docstore.core.cloudant import iam
from docstore.core.cloudant.actions import ServiceRole
from docstore.errors import Unauthorized


def test_a_key_with_its_roles():
    assert iam.read_api_key("ci", "Manager:a:b") == iam.ApiKey("ci", (ServiceRole.MANAGER,), "a:b")
    read = iam.read_api_key("ci", "Reader, Checkpointer:k")
    assert read.roles == (ServiceRole.READER, ServiceRole.CHECKPOINTER)


@pytest.mark.parametrize("word", ["", "Manager", "Manager:", "manager:k", "secret:Manager", ":k", "Reader,,Writer:k"])
def test_a_key_that_cannot_be_read_is_not_told(word):
    with pytest.raises(ValueError, match="ROLE:KEY") as refusal:
        iam.read_api_key("ci", word)
    assert "secret" not in str(refusal.value)


def test_grants():
    assert iam.grant_of({"grant_type": iam.APIKEY_GRANT, "apikey": "k"}) == (iam.APIKEY_GRANT, "k")
    assert iam.grant_of({"grant_type": "refresh_token", "refresh_token": "t"}) == ("refresh_token", "t")
    for form in ({}, {"grant_type": "password"}, {"grant_type": iam.APIKEY_GRANT}, {"grant_type": "refresh_token"}):
        with pytest.raises(iam.IamError):
            iam.grant_of(form)


def test_a_token_ends_with_its_time_and_is_no_refresh_token():
    roles = (ServiceRole.READER,)
    told = iam.claims("ServiceId-x", roles, 1_000)
    assert iam.check_claims(told, 1_000 + iam.TOKEN_SECONDS - 1) == roles
    with pytest.raises(Unauthorized, match="expired"):
        iam.check_claims(told, 1_000 + iam.TOKEN_SECONDS)
    with pytest.raises(Unauthorized, match="not valid"):
        iam.check_claims(told, 1_000, kind="refresh")
    with pytest.raises(Unauthorized, match="not valid"):
        iam.check_claims(iam.claims("ServiceId-x", roles, 1_000, kind="refresh"), 1_000)
