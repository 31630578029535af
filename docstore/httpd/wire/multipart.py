"""Multipart bodies of replies, each with a boundary that nobody can guess.

Owns the choice of boundaries; what a body looks like is ``core/multipart.py``'s.
"""

import secrets

from docstore.core import multipart
from docstore.core.multipart import attachment_headers, header_text

__all__ = ["MIXED", "RELATED", "MultipartWriter", "attachment_headers", "header_text"]

MIXED = "multipart/mixed"
RELATED = "multipart/related"
BOUNDARY_BYTES = 16


class MultipartWriter(multipart.MultipartWriter):
    """One multipart body while it is written."""

    __slots__ = ()

    def __init__(self, subtype: str, boundary: str | None = None, *, quoted: bool = True) -> None:
        """``quoted``: whether the boundary stands in quotes in ``content_type``."""
        super().__init__(subtype, boundary or secrets.token_hex(BOUNDARY_BYTES), quoted=quoted)
