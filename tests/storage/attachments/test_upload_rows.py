"""The values of ``uploads``: what is written is read again."""

import pytest

from docstore.core.rev import Rev
from docstore.storage.attachments.upload_rows import Refusal, UploadRow, UploadState, decode_upload, encode_upload

REV = Rev(2, b"\x02" * 16)


@pytest.mark.parametrize(
    "row",
    [
        UploadRow("doc", "name", "image/png", None, 5),
        UploadRow(
            "_design/é",
            "a/b",
            "text/plain; charset=utf-8",
            Rev(1, b"odd"),
            1 << 62,
            offset=1 << 40,
            length=1 << 41,
            state=UploadState.RECEIVED,
            encoding="gzip",
            staging=7,
            md5=b"\x00" * 16,
            metadata="filename YQ==",
            refusal=Refusal("conflict", "Document update conflict."),
        ),
        UploadRow("doc", "name", "image/png", REV, 5, 3, 3, UploadState.COMPLETED, result=REV),
    ],
)
def test_round_trip(row: UploadRow) -> None:
    again = decode_upload(encode_upload(row))
    assert again == row
    assert type(again.state) is UploadState
    assert again.rev is None or type(again.rev) is Rev
