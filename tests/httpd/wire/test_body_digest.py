"""The digest of a body that is read in pieces."""

from hashlib import sha256

import pytest

from docstore.httpd.wire.body_digest import OFF_LOOP_FROM, BodyDigest


@pytest.mark.parametrize("pieces", [[], [b"abc"], [b"a", b"", b"bc"], [b"a", bytes(OFF_LOOP_FROM), b"b"]])
async def test_pieces(pieces: list[bytes]) -> None:
    digest = BodyDigest()
    for piece in pieces:
        await digest.update(piece)
    digest.whole = True
    assert digest.value() == sha256(b"".join(pieces)).digest()


async def test_there_is_no_digest_of_half_a_body() -> None:
    digest = BodyDigest()
    await digest.update(b"half")
    with pytest.raises(ValueError, match="not read to its end"):
        digest.value()
