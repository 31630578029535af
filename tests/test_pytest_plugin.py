"""The pytest plugin, in runs of pytest of its own."""

import json

import aiohttp
import pytest

from docstore.double.report import failure_report
from docstore.testing import run_node_in_thread
from docstore.testing.servers import Servers

LOADED = (aiohttp, failure_report, Servers)
"""What runs within this process find imported: pytester takes away what a run has imported first."""

pytest_plugins = ["pytester"]

INI = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
ASK = """
import json, urllib.error, urllib.request, base64

def ask(url, method="GET", body=None, auth=None):
    headers = {"Content-Type": "application/json"}
    if auth:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method)) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    pytester.makepyfile(asking=ASK)
    pytester.syspathinsert()
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest("-p", "no:cacheprovider", *arguments)


def test_each_test_has_a_database_of_its_own(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from asking import ask

        seen = []

        @pytest.mark.parametrize("turn", range(5))
        def test_alone(docstore_server, docstore_db, turn):
            assert docstore_db.server is docstore_server
            assert docstore_db.url == f"{docstore_server.url}/{docstore_db.name}"
            assert docstore_db.name.startswith("test_alone")
            assert ask(docstore_db.url)[1]["doc_count"] == 0
            assert ask(docstore_server.url + "/_all_dbs")[1] == [docstore_db.name]
            assert ask(docstore_db.url + "/alien", "PUT", {})[0] == 201
            assert ask(f"{docstore_server.url}/further", "PUT")[0] == 201
            assert len(docstore_db.journal) == 4
            seen.append(docstore_server.url)

        def test_gone(docstore_server):
            assert set(seen) == {docstore_server.url}
            assert ask(docstore_server.url + "/_all_dbs")[1] == []

        async def test_async(docstore_db):
            import aiohttp
            async with aiohttp.ClientSession() as session, session.get(docstore_db.url) as reply:
                assert (await reply.json())["db_name"] == docstore_db.name

        def test_who_deletes_it_itself(docstore_db):
            assert ask(docstore_db.url, "DELETE")[0] == 200
            assert docstore_db.auth is None and docstore_db.auth_url == docstore_db.url

        def test_threads(docstore_db):
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor() as pool:
                codes = list(pool.map(lambda n: ask(f"{docstore_db.url}/{n}", "PUT", {})[0], range(40)))
            assert codes == [201] * 40
            docstore_db.journal.assert_requests(40, method="PUT", database=docstore_db.name)
        """
    )
    run(project).assert_outcomes(passed=9)


def test_the_server_of_the_run_serves_fixtures_of_any_scope(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from asking import ask

        @pytest.fixture(scope="module")
        def films(docstore_server):
            ask(f"{docstore_server.url}/films", "PUT")
            return f"{docstore_server.url}/films"

        def test_one(films, docstore_db):
            assert ask(films + "/alien", "PUT", {})[0] == 201

        def test_two(films):
            assert ask(films + "/alien")[0] == 200
        """
    )
    run(project).assert_outcomes(passed=2)


def test_the_marker(project: pytest.Pytester) -> None:
    project.makefile(".json", films=json.dumps([{"_id": "alien"}]))
    project.makepyfile(
        """
        import pytest
        from asking import ask

        ONCE = {"match": {"method": "PUT"}, "action": {"type": "answer", "status": 503}, "times": 1}

        @pytest.mark.docstore(admin_party=False, load="films.json")
        class TestGuarded:
            def test_credentials_are_needed(self, docstore_db, docstore_server):
                assert docstore_db.server is not docstore_server
                assert ask(docstore_db.url)[0] == 401
                assert ask(docstore_db.url, auth=docstore_db.auth)[1]["doc_count"] == 1
                assert ask(docstore_db.server.url + "/_users", auth=docstore_db.auth)[0] == 200
                assert docstore_db.auth_url.startswith("http://admin:secret@")

            @pytest.mark.docstore(load=[{"_id": "a"}, {"_id": "b"}])
            def test_the_nearest_counts(self, docstore_db):
                assert ask(docstore_db.url, auth=docstore_db.auth)[1]["doc_count"] == 2

        @pytest.mark.docstore(faults=[ONCE])
        def test_faults(docstore_db):
            assert ask(docstore_db.url + "/alien", "PUT", {})[0] == 503
            assert ask(docstore_db.url + "/alien", "PUT", {})[0] == 201
            docstore_db.faults.add({"action": {"type": "answer", "status": 500}})
            docstore_db.clock.advance(1000)

        def test_are_gone(docstore_db):
            assert ask(docstore_db.url)[0] == 200
            assert docstore_db.clock.offset == 0

        @pytest.mark.docstore(admin_party=False, faults=[ONCE])
        def test_own(docstore_own_server, docstore_server):
            assert docstore_own_server.url != docstore_server.url
            assert ask(docstore_own_server.url + "/x", "PUT", auth=("admin", "secret"))[0] == 503
            assert ask(docstore_own_server.url + "/_all_dbs", auth=("admin", "secret"))[1] == ["_replicator", "_users"]
        """
    )
    run(project, "--strict-markers").assert_outcomes(passed=5)


def test_a_marker_that_says_nothing_or_nonsense_fails(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest

        @pytest.mark.docstore(admin_party=False)
        def test_without_database(docstore_server):
            pass

        @pytest.mark.docstore(admin=True)
        def test_another_member(docstore_db):
            pass

        @pytest.mark.docstore("cloudant")
        def test_a_bare_word(docstore_db):
            pass

        @pytest.mark.docstore(profile="oracle")
        def test_another_profile(docstore_db):
            pass

        @pytest.mark.docstore(load="nowhere.json")
        def test_no_file(docstore_db):
            pass

        @pytest.mark.docstore(faults=[{"action": "explode"}])
        def test_no_rule(docstore_db):
            pass
        """
    )
    result = run(project)
    result.assert_outcomes(errors=6)
    said = result.stdout.str()
    for words in (
        "of which the test has none",
        "the marker is docstore(",
        "there is no profile oracle",
        "nowhere.json",
    ):
        assert words in said


def test_unittest(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import unittest
        import pytest
        from asking import ask

        @pytest.mark.usefixtures("docstore_db")
        class TestFilms(unittest.TestCase):
            def setUp(self):
                ask(self.docstore_db.url + "/alien", "PUT", {})

            def test_one(self):
                self.assertEqual(ask(self.docstore_db.url)[1]["doc_count"], 1)

            @pytest.mark.docstore(admin_party=False)
            def test_two(self):
                self.assertEqual(ask(self.docstore_db.url)[0], 401)

        @pytest.mark.usefixtures("docstore_own_server")
        class TestServers(unittest.TestCase):
            def test_own(self):
                self.assertEqual(ask(self.docstore_own_server.url + "/_all_dbs")[1], [])
        """
    )
    run(project).assert_outcomes(passed=3)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_xdist_has_a_server_a_worker(project: pytest.Pytester, workers: int) -> None:
    project.makepyfile(
        """
        import os, pathlib
        import pytest
        from asking import ask

        @pytest.mark.parametrize("turn", range(8))
        def test_alone(docstore_db, turn):
            assert ask(docstore_db.server.url + "/_all_dbs")[1] == [docstore_db.name]
            with open(pathlib.Path(__file__).with_name("urls"), "a") as file:
                file.write(os.environ["PYTEST_XDIST_WORKER"] + " " + docstore_db.server.url + "\\n")
        """
    )
    run(project, f"-n{workers}").assert_outcomes(passed=8)
    told = {tuple(line.split()) for line in (project.path / "urls").read_text().splitlines()}
    assert len(told) == len({worker for worker, _ in told}) == len({url for _, url in told})


FAILS = """
    from asking import ask

    def test_fails(docstore_db):
        for n in (1, 2):
            doc = {"_id": "alien", "_rev": f"1-{n}" + "a" * 31, "n": n}
            ask(docstore_db.url + "/_bulk_docs", "POST", {"docs": [doc], "new_edits": False})
        rule = {"match": {"document": "brazil"}, "action": {"type": "answer", "status": 503}, "id": "no"}
        docstore_db.faults.add(rule)
        ask(docstore_db.url + "/brazil", "PUT", {})
        assert False, docstore_db.name

    def test_passes(docstore_db):
        ask(docstore_db.url + "/passed", "PUT", {})
"""


def test_a_failure_tells_requests_rules_and_trees(project: pytest.Pytester) -> None:
    project.makepyfile(FAILS)
    result = run(project, "--docstore-seed", "7")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.re_match_lines(
        [
            r"-+ docstore -+",
            r"http://127.0.0.1:\d+ as couchdb",
            r"seed of the faults: 7",
            r"fault no: Answer\(.*\) met 1, hit 1 times, seed \d+",
            r"requests: 3",
            r"  1\. POST /test_fails-1/_bulk_docs -> 201 in \d+ ms",
            r"  3\. PUT /test_fails-1/brazil -> 503 in \d+ ms, hit by no",
            r"documents in conflict in test_fails-1: 1",
            r".*1-2aaa.*",
            r".*1-1aaa.*",
        ]
    )
    assert "passed" not in result.stdout.str().partition("- docstore -")[2].partition("short test summary")[0]


def test_databases_of_failed_tests_are_kept(project: pytest.Pytester) -> None:
    project.makepyfile(FAILS)
    result = run(project, "--docstore-keep", "kept")
    folder = project.path / "kept" / "main" / "couchdb"
    result.stdout.fnmatch_lines([f"*docstore serve --data {folder}"])
    with run_node_in_thread(data=folder) as server:
        assert server.node.registry.names() == ["test_fails-1"]


def test_the_profile_is_that_of_the_run(project: pytest.Pytester) -> None:
    project.makepyfile("def test_it(docstore_db): pass")
    assert "no profile oracle" in run(project, "--docstore-profile", "oracle").stdout.str()
    project.makeini(INI + "docstore_profile = oracle\n")
    assert "no profile oracle" in run(project).stdout.str()
    run(project, "--docstore-profile", "couchdb").assert_outcomes(passed=1)


def test_a_client_of_ibm_s_sdk(project: pytest.Pytester) -> None:
    pytest.importorskip("ibmcloudant")
    project.makepyfile(
        """
        import pytest

        def test_party(docstore_db):
            use(docstore_db)

        @pytest.mark.docstore(admin_party=False)
        def test_guarded(docstore_db):
            use(docstore_db)

        def use(docstore_db):
            client = docstore_db.cloudant
            client.put_document(docstore_db.name, "alien", {"year": 1979})
            assert client.get_document(docstore_db.name, "alien").get_result()["year"] == 1979
            docstore_db.journal.assert_requests(1, operation="put_document")
        """
    )
    run(project).assert_outcomes(passed=2)


def test_nothing_of_the_server_is_imported_until_it_is_asked_for(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_it():
            ours = sorted(name for name in sys.modules if name.startswith("docstore"))
            assert ours == ["docstore", "docstore.pytest_plugin"]
            assert "aiohttp" not in sys.modules
        """
    )
    result = project.runpytest_subprocess(
        "-p", "no:cacheprovider", "-p", "no:aiohttp", "-p", "no:schemathesis", "-p", "no:asyncio", "-W", "default"
    )
    assert result.ret == 0, result.stdout.str()


HUNDRED = """
    import pytest
    import urllib.request

    @pytest.mark.parametrize("turn", range(100))
    def test_small(docstore_db, turn):
        json = {"Content-Type": "application/json"}
        request = urllib.request.Request(docstore_db.url + "/alien", b"{}", json, method="PUT")
        assert urllib.request.urlopen(request).status == 201
"""


def test_a_hundred_small_tests(project: pytest.Pytester) -> None:
    project.makepyfile(HUNDRED)
    run(project, "-q").assert_outcomes(passed=100)
