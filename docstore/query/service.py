"""Design documents at work: one place to ask for what they define.

Owns the parts of ``query/`` of one node, and which of them knows which. It must not know HTTP.
"""

from docstore.database.registry import Registry
from docstore.settings import Settings


class Query:
    """What design documents do, for one node. ``views`` is the part that answers views."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self.registry = registry
        self.settings = settings
