import pytest
from multidict import CIMultiDict

from docstore.errors import Forbidden
from docstore.httpd.guard import FOREIGN_HOST, FOREIGN_ORIGIN, KNOWN_HOSTS_KEPT, Guard, is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "db.localhost", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_loopback_names(host):
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "example.com", "localhost.example.com", "0.0.0.0", "::", "192.168.0.1", "1.127.0.0"]
)
def test_other_names(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5984", "127.0.0.1:1", "[::1]:5984", "[::1]", "a.localhost:1", None]
)
def test_hosts_that_are_answered(host):
    guard = Guard()
    for _ in range(2):
        guard.check("PUT", CIMultiDict({"Host": host} if host else {}))


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5984", "x@localhost", "localhost/..", "localhost:1:2", "[::1", "", "localhost evil"],
)
def test_hosts_that_are_not_answered(host):
    with pytest.raises(Forbidden) as error:
        Guard().check("GET", CIMultiDict({"Host": host}))
    assert error.value.reason == FOREIGN_HOST


def test_many_hosts_do_not_fill_the_memory():
    guard = Guard()
    for number in range(KNOWN_HOSTS_KEPT * 2):
        guard.check("GET", CIMultiDict({"Host": f"h{number}.localhost"}))
    assert len(guard._known_hosts) == KNOWN_HOSTS_KEPT


def test_reads_from_elsewhere_are_answered():
    Guard().check("GET", CIMultiDict({"Host": "localhost:5984", "Origin": "https://evil.example"}))


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "COPY", "PATCH"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "file://", "localhost:5984"]
)
def test_writes_from_elsewhere_are_refused(method, origin):
    with pytest.raises(Forbidden) as error:
        Guard().check(method, CIMultiDict({"Host": "localhost:5984", "Origin": origin}))
    assert error.value.reason == FOREIGN_ORIGIN


def test_writes_from_the_servers_own_pages_are_answered():
    Guard().check("PUT", CIMultiDict({"Host": "localhost:5984", "Origin": "http://localhost:5984"}))


@pytest.mark.parametrize("address", ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "x"])
def test_who_is_elsewhere_is_not_answered_whatever_host_is_named(address):
    with pytest.raises(Forbidden):
        Guard().check("GET", CIMultiDict({"Host": "localhost"}), address)


@pytest.mark.parametrize("address", [None, "127.0.0.1", "::1", "127.9.9.9"])
def test_who_is_here_is_answered(address):
    Guard().check("GET", CIMultiDict({"Host": "localhost"}), address)


@pytest.mark.parametrize("client", ["10.0.0.1", "2001:db8::1"])
def test_a_proxy_of_this_machine_asks_for_nobody_elsewhere(client):
    for address, asked_for in (("127.0.0.1", client), (client, "127.0.0.1")):
        with pytest.raises(Forbidden):
            Guard().check("GET", CIMultiDict({"Host": "localhost"}), address, asked_for)
    Guard().check("GET", CIMultiDict({"Host": "localhost"}), "127.0.0.1", "::ffff:127.0.0.1")
