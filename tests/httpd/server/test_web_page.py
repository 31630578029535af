"""The files of the page: who gets them, how, and nothing else by that way."""

import gzip
import re
from importlib import resources

import aiohttp
import pytest
from yarl import URL

from docstore.httpd.server.web_files import TYPES, served, web_files
from docstore.settings import Admin
from docstore.testing import run_node

MOST_BYTES = 300_000
"""What all of the page may weigh, uncompressed."""

MOST_LINES = 400


async def test_the_page_stands_behind_a_slash(client):
    async with client.get("/_utils", allow_redirects=False) as reply:
        assert reply.status == 301
        assert reply.headers["Location"] == "_utils/"  # relative: a proxy may have the server below a path
    async with client.get("/_utils") as reply:
        assert str(reply.url).endswith("/_utils/")
        assert reply.content_type == "text/html"
        assert b"js/main.js" in await reply.read()


async def test_every_file_comes_as_it_is_but_for_comments_and_spaces(client):
    folder = resources.files("docstore") / "web"
    files = web_files()
    assert {"index.html", "js/main.js", "css/base.css"} <= set(files)
    for name in files:
        async with client.get(f"/_utils/{name}") as reply:
            assert reply.status == 200
            assert reply.headers["Content-Type"] == TYPES[name.rpartition(".")[2]]
            assert await reply.read() == _run(name, folder.joinpath(*name.split("/")).read_text()).encode()


def _run(name: str, text: str) -> str:
    """What a browser needs of a file, line by line."""
    if name.endswith(".js"):
        return "\n".join(_without_spaces(_statement(line)) for line in text.split("\n"))
    if not name.endswith(".css"):
        return text
    text = re.sub(r"/\*.*?\*/", "", text)
    for wide, narrow in ((" {", "{"), ("{ ", "{"), ("; ", ";"), (" }", "}"), ("} ", "}"), (": ", ":"), (", ", ",")):
        text = text.replace(wide, narrow)
    return "\n".join(line.lstrip() for line in text.split("\n"))


def _statement(line: str) -> str:
    """A line of a script without its comment, unless that has a quote in it: then it might be the end of a text."""
    line = line.lstrip()
    if line.startswith("//"):
        return ""
    code, mark, comment = line.rpartition(" // ")
    return code.rstrip() if mark and not set(comment) & set("'\"`") else line


def _without_spaces(line: str) -> str:
    """A line without the spaces beside its marks; as it is where more than quotes might hold a text."""
    if "`" in line or "/" in line:
        return line
    parts = re.split("""((?:'[^'\\\\]*(?:\\\\.[^'\\\\]*)*')|(?:"[^"\\\\]*(?:\\\\.[^"\\\\]*)*"))""", line)
    for at in range(0, len(parts), 2):
        for mark in ",:;{}()=?&|<>*":
            parts[at] = re.sub(f" *[{mark}] *", mark, parts[at])
    return "".join(parts)


def test_what_is_left_out_of_scripts_and_styles():
    script = b"  const a = -1; // why\n// why\nconst b = ' // no'; // it's\nconst c = `x // y`;\n"
    assert served("js", script) == b"const a=-1;\n\nconst b = ' // no'; // it's\nconst c = `x // y`;\n"
    texts = b"""if (a) return {b: 'c, \\'d', e: "f: g"} + ++h;\nconst i = /, '/; const j = ', ';\n"""
    assert served("js", texts) == b"""if(a)return{b:'c, \\'d',e:"f: g"}+ ++h;\nconst i = /, '/; const j = ', ';\n"""
    style = b"/* why */\n.a > b, c:not(d) { x: calc(1px - 2px); y: z }\n"
    assert served("css", style) == b"\n.a > b,c:not(d){x:calc(1px - 2px);y:z}\n"


def test_no_text_of_a_style_has_what_is_left_out():
    for name in (name for name in web_files() if name.endswith(".css")):
        texts = re.findall(r'"([^"\n]*)"', (resources.files("docstore") / "web" / name).read_text())
        assert [text for text in texts if re.search(r"[{};]|[:,] ", text)] == [], name


def test_no_text_of_a_script_goes_over_several_lines():
    for name, entry in ((name, resources.files("docstore") / "web" / name) for name in web_files()):
        if name.endswith(".js"):
            lines = [line for line in entry.read_text().split("\n") if not line.lstrip().startswith("//")]
            assert [
                line for line in lines if line.count("`") % 2 or line.endswith("\\") or re.match(r"\s*/\*", line)
            ] == [], name


async def test_headers_keep_the_page_to_this_server(client):
    async with client.get("/_utils/") as reply:
        policy = dict(one.split(" ", 1) for one in reply.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert not re.search("unsafe|http|[*]", reply.headers["Content-Security-Policy"])
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Referrer-Policy"] == "no-referrer"


async def test_gzip_where_it_is_asked_for(server):
    plain = web_files()["js/main.js"].plain
    async with aiohttp.ClientSession(server.url, auto_decompress=False) as client:
        async with client.get("/_utils/js/main.js", headers={"Accept-Encoding": "gzip"}) as reply:
            assert reply.headers["Content-Encoding"] == "gzip"
            assert reply.headers["Vary"] == "Accept-Encoding"
            gzipped_tag = reply.headers["ETag"]
            assert gzip.decompress(await reply.read()) == plain
        async with client.get("/_utils/js/main.js", headers={"Accept-Encoding": "identity"}) as reply:
            assert "Content-Encoding" not in reply.headers
            assert reply.headers["ETag"] != gzipped_tag
            assert await reply.read() == plain


async def test_what_is_there_already_is_not_sent_again(client):
    async with client.get("/_utils/js/main.js") as reply:
        tag = reply.headers["ETag"]
        assert reply.headers["Cache-Control"] == "no-cache"
    async with client.get("/_utils/js/main.js", headers={"If-None-Match": tag}) as reply:
        assert reply.status == 304
        assert reply.headers["ETag"] == tag
        assert await reply.read() == b""
    async with client.get("/_utils/js/main.js", headers={"If-None-Match": '"other"'}) as reply:
        assert reply.status == 200


async def test_head_has_the_headers_alone(client):
    async with client.head("/_utils/index.html") as reply:
        assert reply.status == 200
        assert int(reply.headers["Content-Length"]) > 100
        assert await reply.read() == b""


@pytest.mark.parametrize(
    "path",
    [
        "/_utils/nothing.js",
        "/_utils/js",
        "/_utils/js/",
        "/_utils/../settings.py",
        "/_utils/%2e%2e/settings.py",
        "/_utils/..%2fsettings.py",
        "/_utils/js/..%2F..%2F..%2Fsettings.py",
        "/_utils/%2Fetc%2Fpasswd",
        "/_utils/index.html%00.js",
        "/_utils/__init__.py",
    ],
)
async def test_nothing_else_is_reached(server, client, path):
    async with client.get(URL(server.url + path, encoded=True)) as reply:
        assert reply.status == 404
        assert (await reply.json())["error"] == "not_found"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
async def test_nobody_writes_there(client, method):
    async with client.request(method, "/_utils/index.html") as reply:
        assert reply.status == 405
        assert reply.headers["Allow"] == "GET,HEAD"


async def test_it_is_there_for_those_who_still_have_to_sign_in():
    async with run_node(admin=Admin("root", "pw")) as server, aiohttp.ClientSession(server.url) as client:
        await server.node.config.set("chttpd", "require_valid_user", "true", persist=False)
        async with client.get("/_session") as reply:
            assert reply.status == 401
        for path in ("/_utils/", "/_utils/js/main.js"):
            async with client.get(path) as reply:
                assert reply.status == 200


def test_its_weight_and_the_length_of_its_files():
    files = web_files()
    assert sum(len(one.plain) for one in files.values()) < MOST_BYTES
    assert {name for name, one in files.items() if one.plain.count(b"\n") > MOST_LINES} == set()


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_inline():
    for name, one in web_files().items():
        text = one.plain.decode()
        urls = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org"}
        assert not urls, (name, urls)
        if name.endswith(".html"):
            assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", text), name
        if name.endswith(".js"):
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            ), name
