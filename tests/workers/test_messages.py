"""Frames between the server and its workers."""

from docstore.workers.messages import LONG_BYTES, FrameReader, Plain, pack


def test_what_is_long_travels_beside_the_rest_also_among_rows() -> None:
    """Or the loop would copy it out of one text, with all others that are in it."""
    long, short = bytes(LONG_BYTES), bytes(LONG_BYTES - 1)
    value: Plain = [1, {"values": [short, long], "long": [[b"place", long]], "log": ["words"]}]
    buffers = pack(value)
    assert sum(part is long for part in buffers) == 2
    assert not any(part is short for part in buffers)
    reader, frame = FrameReader(), b"".join(buffers)
    whole, read = False, None
    while frame:
        room = len(reader.room)
        reader.room[: len(frame[:room])] = frame[:room]
        whole, read = reader.filled(len(frame[:room]))
        frame = frame[room:]
    assert whole
    assert read == value
