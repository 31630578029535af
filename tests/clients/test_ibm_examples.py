"""The steps of the four example scripts of IBM's SDK for Python, told by its usual environment where the server is.

The scripts themselves run through as well; what they print differs from IBM's recordings in revisions and the version.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from docstore.double.double import Double
from docstore.settings import Admin
from docstore.testing import run_node_in_thread

pytest.importorskip("ibmcloudant")

from ibm_cloud_sdk_core import ApiException
from ibmcloudant.cloudant_v1 import CloudantV1, Document

pytestmark = pytest.mark.clients

ADMIN = Admin("admin", "secret")
LOGIN = {"USERNAME": ADMIN.name, "PASSWORD": ADMIN.password}
WAYS = {
    "noauth": ("couchdb", {"AUTH_TYPE": "NOAUTH"}),
    "session": ("couchdb", {"AUTH_TYPE": "COUCHDB_SESSION", **LOGIN}),
    "cloudant-basic": ("cloudant", {"AUTH_TYPE": "BASIC", **LOGIN}),
    "cloudant-session": ("cloudant", {"AUTH_TYPE": "COUCHDB_SESSION", **LOGIN}),
    "cloudant-iam": ("cloudant", {"APIKEY": "any key"}),
    "cloudant-gen2-iam": ("cloudant-gen2", {"APIKEY": "any key"}),
}
REVS = (
    "1-653de007c9a0ae76c6a1a53db17e235b",
    "2-cb893c366557cb4616f6d7acef659a65",
    "3-1e798084d83f4637dba83430ba915e63",
)
"""Revisions follow from content, so these are Cloudant's too."""


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudantV1]:
    profile, words = request.param
    admin = {} if words.get("AUTH_TYPE") == "NOAUTH" else {"admin": ADMIN}
    with run_node_in_thread(double=Double(profile=profile), **admin) as server:
        for name, word in {"URL": server.url, "AUTH_URL": server.url, **words}.items():
            monkeypatch.setenv(f"CLOUDANT_{name}", word)
        yield CloudantV1.new_instance()


def status(call: Any) -> int:
    with pytest.raises(ApiException) as refused:
        call()
    code: int = refused.value.status_code
    return code


def test_orders_from_the_first_to_the_last(client: CloudantV1) -> None:
    assert client.put_database(db="orders").get_result() == {"ok": True}
    assert status(lambda: client.put_database(db="orders")) == 412
    document = Document(_id="example")
    document.name = "Bob Smith"
    document.joined = "2019-01-24T10:42:59.000Z"
    made = client.post_document(db="orders", document=document).get_result()
    assert made == {"ok": True, "id": "example", "rev": REVS[0]}

    assert client.get_server_information().get_result()["version"].startswith("3.5")
    info = client.get_database_information(db="orders").get_result()
    assert (info["db_name"], info["doc_count"]) == ("orders", 1)
    read = client.get_document(db="orders", doc_id="example").get_result()
    assert list(read) == ["_id", "_rev", "name", "joined"]

    for rev in REVS[1:]:
        read["address"] = "19 Front Street, Darlington, DL5 1TY"
        read.pop("joined", None)
        read["_rev"] = client.post_document(db="orders", document=read).get_result()["rev"]
        assert read["_rev"] == rev
        assert client.get_document(db="orders", doc_id="example").get_result() == read

    gone = client.delete_document(db="orders", doc_id="example", rev=read["_rev"]).get_result()
    assert gone["ok"] is True
    assert status(lambda: client.get_document(db="orders", doc_id="example")) == 404
