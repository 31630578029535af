"""The storage check as tests use it: after a test, a store must have nothing wrong in it."""

from docstore.node import Node
from docstore.storage.check.store import check


def storage_findings(node: Node) -> list[str]:
    """All findings of the check, on one snapshot of a running node."""
    with node.env.snapshot() as snapshot:
        return list(check(snapshot))
