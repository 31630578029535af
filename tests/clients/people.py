"""IBM's client, and documents about people that it puts into a database and into one in partitions."""

from typing import Any

from ibm_cloud_sdk_core.authenticators import BasicAuthenticator
from ibmcloudant.cloudant_v1 import CloudantV1

from docstore.testing import TestNode

NAME, PASSWORD = "admin", "secret"


def cloudant_with(server: TestNode, people: list[dict[str, Any]]) -> CloudantV1:
    """The client, with the people in ``people`` and in the partition ``a`` of ``parts``."""
    client = CloudantV1(authenticator=BasicAuthenticator(NAME, PASSWORD))
    client.set_service_url(server.url)
    for name, partitioned, prefix in (("people", False, ""), ("parts", True, "a:")):
        client.put_database(db=name, partitioned=partitioned).get_result()
        documents = [person | {"_id": prefix + person["_id"]} for person in people]
        client.post_bulk_docs(db=name, bulk_docs={"docs": documents}).get_result()
    return client
