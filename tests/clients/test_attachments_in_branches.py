"""A conflict with attachments, as two nodes of a cluster make it, seen by IBM's SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1

from docstore.double.actions import SpuriousConflict
from docstore.settings import Admin
from docstore.testing import TestNode, run_node_in_thread

pytestmark = pytest.mark.clients

NAME, PASSWORD = "admin", "secret"


@pytest.fixture
def server() -> Iterator[TestNode]:
    with run_node_in_thread(admin=Admin(NAME, PASSWORD)) as server:
        yield server


@pytest.fixture
def cloudant(server: TestNode) -> CloudantV1:
    client = CloudantV1(authenticator=BasicAuthenticator(NAME, PASSWORD))
    client.set_service_url(server.url)
    client.put_database(db="films").get_result()
    return client


def test_both_writers_keep_their_attachments(server: TestNode, cloudant: CloudantV1) -> None:
    first = cloudant.put_document(db="films", doc_id="alien", document={"year": 1979}).get_result()["rev"]
    fault = server.faults.add(SpuriousConflict(), times=2)
    one = {"one.txt": {"content_type": "text/plain", "data": "MQ=="}}
    two = {"two.txt": {"content_type": "text/plain", "data": "Mg=="}}
    document: dict[str, Any] = {"_rev": first, "year": 1980, "_attachments": one}
    revs = [cloudant.put_document(db="films", doc_id="alien", document=document).get_result()["rev"]]
    document["_attachments"] = two
    revs.append(cloudant.put_document(db="films", doc_id="alien", document=document).get_result()["rev"])
    about: dict[str, Any] = {"db": "films", "doc_id": "alien"}
    put = cloudant.put_attachment(
        **about, attachment_name="three.txt", attachment=b"3", content_type="text/plain", rev=first
    )
    revs.append(put.get_result()["rev"])
    assert fault.hits == 2
    read = cloudant.get_document(**about, conflicts=True).get_result()
    assert {read["_rev"], *read["_conflicts"]} == set(revs)
    for rev, name in zip(revs, ("one.txt", "two.txt", "three.txt"), strict=True):
        found = cloudant.get_attachment(**about, attachment_name=name, rev=rev).get_result()
        assert found.content == {"one.txt": b"1", "two.txt": b"2", "three.txt": b"3"}[name]
