"""The rows of blobs and stagings."""

import pytest

from docstore.storage.attachments import blob_rows
from docstore.storage.attachments.blob_rows import CHUNK_BYTES, BlobRow, BlobState, StagingRow


@pytest.mark.parametrize(
    "row",
    [
        BlobRow(BlobState.OPEN, 0, 1, 0),
        BlobRow(BlobState.SEALED, 3, 2, 1 << 40, b"s" * 32, b"m" * 16),
        BlobRow(BlobState.DOOMED, 0, 0, 7, b"s" * 32, b"m" * 16),
    ],
)
def test_blobs_come_back(row: BlobRow) -> None:
    assert blob_rows.decode_blob(blob_rows.encode_blob(row)) == row


@pytest.mark.parametrize("row", [StagingRow(1, 2), StagingRow(1 << 60, 3, True, b"\x00purpose")])
def test_stagings_come_back(row: StagingRow) -> None:
    assert blob_rows.decode_staging(blob_rows.encode_staging(row)) == row


@pytest.mark.parametrize(("references", "leases", "wanted"), [(0, 0, False), (1, 0, True), (0, 1, True)])
def test_what_is_wanted(references: int, leases: int, wanted: bool) -> None:
    assert BlobRow(BlobState.SEALED, references, leases, 1).wanted is wanted


def test_chunks_fill_whole_pages() -> None:
    assert (CHUNK_BYTES + 16) % 4096 == 0
    lengths = (0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES)
    assert [BlobRow(BlobState.OPEN, 0, 0, length).chunks for length in lengths] == [0, 1, 1, 2, 2]
