"""An image as bytes, and back.

Owns their form, msgpack of the image's rows. It must not know files, nor what else is saved with an image.
"""

from typing import Final

import msgpack

from docstore.storage import keys
from docstore.storage.image import STORE_TABLE_NAMES, DatabaseImage, Image

FORM: Final = 1


class BadImage(ValueError):
    """Bytes that are no image, or one of a store of another format."""


def pack_image(image: Image) -> bytes:
    """The image in bytes."""
    packed: bytes = msgpack.packb(
        [FORM, keys.FORMAT_VERSION, [list(database) for database in image.databases], image.store, image.next_blob]
    )
    return packed


def unpack_image(packed: bytes) -> Image:
    """The image in these bytes. Raises BadImage."""
    try:
        form, version, databases, store, next_blob = msgpack.unpackb(packed, use_list=True, strict_map_key=True)
    except (ValueError, TypeError) as error:
        raise BadImage("these bytes are no image of a store") from error
    if (form, version) != (FORM, keys.FORMAT_VERSION):
        raise BadImage("the image is of another version")
    try:
        found = tuple(
            DatabaseImage(int(number), _bytes(name), _bytes(row), _tables(tables, len(keys.DATABASE_TABLE_NAMES)))
            for number, name, row, tables in databases
        )
        return Image(found, _tables(store, len(STORE_TABLE_NAMES)), _bytes(next_blob))
    except (ValueError, TypeError) as error:
        raise BadImage("the image is damaged") from error


def _tables(value: object, count: int) -> tuple[list[tuple[bytes, bytes]], ...]:
    if not isinstance(value, list) or len(value) != count:
        raise ValueError("another number of tables")
    return tuple([(_bytes(key), _bytes(row)) for key, row in table] for table in value)


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("no bytes")
    return value
