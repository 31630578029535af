"""Keys: one database is one range, documents sort as their ids."""

import pytest

from docstore.storage import keys


def test_the_keys_of_a_database_are_one_range() -> None:
    for db in (1, 255, 256, keys.MAX_NUMBER - 1, keys.MAX_NUMBER):
        first, end = keys.prefix(db), keys.prefix_end(db)
        for key in (
            keys.short_key(db, b"\x00"),
            keys.short_key(db, b"\xff" * (keys.LONG_ID_FROM - 1)),
            keys.long_key(keys.group_key(db, b"\xff" * 7168), keys.LABEL_MAX),
            keys.pack_seq_key(db, keys.MAX_SEQ),
            keys.pack_run_key(db, keys.MAX_SEQ, keys.MAX_SEQ),
            keys.property_key(db, keys.PROPERTY_SECURITY),
            keys.purge_id_key(db, b"\xff" * 32),
        ):
            assert first <= key < end
            assert keys.number_of(key) == db
    assert keys.prefix_end(7) == keys.prefix(8)


def test_no_key_is_longer_than_lmdb_takes() -> None:
    assert len(keys.long_key(keys.group_key(1, b"x" * 7168), 0)) == keys.LONG_KEY_BYTES <= 511
    assert len(keys.short_key(1, b"x" * (keys.LONG_ID_FROM - 1))) < 511


def test_what_is_packed_is_found_again() -> None:
    assert keys.seq_of(keys.pack_seq_key(3, 12345)) == 12345
    assert keys.run_key_parts(keys.pack_run_key(3, 77, 5)) == (3, 77, 5)
    assert keys.label_of(keys.long_key(keys.group_key(3, b"x" * 500), 99)) == 99


@pytest.mark.parametrize(("length", "is_long"), [(0, False), (399, False), (400, True), (7168, True)])
def test_ids_are_long_from_400_bytes(length: int, is_long: bool) -> None:
    assert keys.is_long_id(b"x" * length) == is_long


def test_a_long_key_is_told_from_a_short_one_by_its_length() -> None:
    assert keys.is_long_key(keys.long_key(keys.group_key(1, b"x" * 400), 5))
    assert not keys.is_long_key(keys.short_key(1, b"x" * 399))


def test_the_table_names_are_all_different() -> None:
    names = keys.TABLE_NAMES
    assert len(set(names)) == len(names) <= keys.MAX_TABLES
    assert set(keys.DATABASE_TABLE_NAMES) < set(keys.TABLE_NAMES)
