"""One-time passwords: the vectors of RFC 6238 (its table has eight digits, ours are taken from it), and windows."""

import base64

import pytest

from docstore.core.security.totp import is_token, one_time_password, read_totp

SHA = base64.b32encode(b"12345678901234567890").decode()
SHA256 = base64.b32encode(b"12345678901234567890123456789012").decode()
SHA512 = base64.b32encode(b"1234567890" * 6 + b"1234").decode()


@pytest.mark.parametrize(
    ("algorithm", "key", "seconds", "expected"),
    [
        ("sha", SHA, 59, "94287082"),
        ("sha256", SHA256, 59, "46119246"),
        ("sha512", SHA512, 59, "90693936"),
        ("sha", SHA, 1111111109, "07081804"),
        ("sha256", SHA256, 1111111111, "67062674"),
        ("sha512", SHA512, 20000000000, "47863826"),
    ],
)
def test_the_vectors_of_rfc_6238(algorithm, key, seconds, expected):
    totp = read_totp({"key": key, "algorithm": algorithm, "length": 8})
    assert one_time_password(totp, seconds) == expected


def test_the_neighbours_of_now_are_taken_and_no_other():
    totp = read_totp({"key": SHA})
    token = one_time_password(totp, 1_000_000_020)
    assert len(token) == 6
    taken = [second for second in range(-90, 120, 30) if is_token(totp, token, 1_000_000_020 + second)]
    assert taken == [-30, 0, 30]
    assert not is_token(totp, "", 0)
    assert not is_token(totp, "é" * 6, 0)


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"key": 5}, {"key": ""}, {"key": "1"}, {"key": SHA, "algorithm": "md5"},
        {"key": SHA, "length": 9}, {"key": SHA, "length": 6.0}, {"key": SHA, "algorithm": ["sha"]},
    ],
)  # fmt: skip
def test_what_no_password_can_be_made_of_takes_none(value):
    assert read_totp(value) is None
    assert not is_token(read_totp(value), "000000", 59)
