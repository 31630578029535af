"""Certificates that run out: told in time, once a day, and in a metric."""

import logging
import shutil
import time

import aiohttp
import pytest

from docstore.config.configuration import Configuration
from docstore.httpd.certificate import DAY, EARLY, Watch, end_of, warning_of
from docstore.httpd.tls import Tls
from docstore.settings import Settings
from tests.httpd.test_tls import Serving, configure
from tests.replication.test_tls import Pair

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")

LIFETIME = 2 * DAY


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("certificate"), "server")


def test_when_it_runs_out(pair, tmp_path):
    assert end_of(pair.certificate) == pytest.approx(time.time() + LIFETIME, abs=600)
    both = tmp_path / "both.pem"
    both.write_bytes(pair.certificate.read_bytes() * 2)
    assert end_of(both) == end_of(pair.certificate)
    both.write_bytes(b"no certificate")
    assert end_of(both) is None
    assert end_of(tmp_path / "none.pem") is None


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (EARLY + 1, None),
        (EARLY, "runs out in 14 days"),
        (DAY, "runs out in a day"),
        (1, "runs out in less than a day"),
        (0, "ran out less than a day ago"),
        (-3 * DAY, "ran out 3 days ago"),
    ],
)
def test_the_words(left, words):
    warning = warning_of(1e9, 1e9 - left)
    assert warning is None if words is None else words in warning


def test_it_is_told_once_a_day_whatever_the_clock_does(pair, caplog):
    now = [end_of(pair.certificate) - EARLY - DAY]
    watch = Watch(lambda: now[0])
    watch.show(pair.certificate)
    told = []
    for step in (0, 1.5 * DAY, 0.1 * DAY, DAY, -5, -3 * DAY, 20 * DAY):
        now[0] += step
        watch.look()
        told.append(len(caplog.records))
    assert told == [0, 1, 1, 2, 2, 2, 3]
    watch.show(pair.certificate)
    assert len(caplog.records) == 4


def test_one_that_has_run_out_is_told_at_the_start_and_after_a_reload_and_shown(tmp_path, pair, caplog):
    configure(tmp_path, pair)
    tls = Tls(Configuration(Settings(data=tmp_path)), lambda: time.time() + 10 * DAY)
    tls.reload()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all("ran out 8 days ago: clients refuse it" in record.getMessage() for record in caplog.records)


async def test_metric(tmp_path, pair):
    configure(tmp_path, pair)
    async with Serving(tmp_path) as serving, aiohttp.ClientSession(serving.listener.url) as client:
        async with client.get("/_node/_local/_prometheus") as response:
            [line] = [line for line in (await response.text()).splitlines() if line.startswith("docstore_certificate")]
        assert float(line.split()[1]) == end_of(pair.certificate)
