"""Another page at ``/_utils/``: its files as they are, and what is no page is refused at the start."""

import re

import aiohttp
import pytest
from click.testing import CliRunner

from docstore.cli.commands.serve import serve
from docstore.httpd.server.web_files import NoPage, folder_files
from docstore.testing import run_node

MOST = 1_000


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>Other</title>")
    (tmp_path / "assets" / "app.js").write_text("  // kept\n  run();\n")
    (tmp_path / "assets" / "font.woff2").write_bytes(b"\0\1")
    (tmp_path / "assets" / "nothing known").write_bytes(b"x")
    return tmp_path


async def test_the_files_of_a_folder_take_the_place_of_the_page(folder):
    async with run_node(utils=folder) as server, aiohttp.ClientSession(server.url) as client:
        async with client.get("/_utils/") as reply:
            assert "Other" in await reply.text()
            assert re.search(r"script-src 'self' 'unsafe-eval'", reply.headers["Content-Security-Policy"])
            assert reply.headers["X-Frame-Options"] == "DENY"
        async with client.get("/_utils/assets/app.js") as reply:
            assert await reply.text() == "  // kept\n  run();\n"
        for name, kind in (("font.woff2", "font/woff2"), ("nothing%20known", "application/octet-stream")):
            async with client.get(f"/_utils/assets/{name}") as reply:
                assert reply.content_type == kind
        async with client.get("/_utils/js/main.js") as reply:
            assert reply.status == 404


def test_a_folder_without_a_page_and_one_that_is_too_large_are_refused(folder):
    assert set(folder_files(folder, MOST)) == {
        "index.html",
        "assets/app.js",
        "assets/font.woff2",
        "assets/nothing known",
    }
    with pytest.raises(NoPage, match="more than 50 bytes"):
        folder_files(folder, 50)
    with pytest.raises(NoPage, match=r"no index\.html"):
        folder_files(folder / "assets", MOST)


def test_the_server_does_not_start_with_no_page(folder):
    result = CliRunner().invoke(serve, ["--utils", str(folder / "assets")])
    assert result.exit_code == 2
    assert "has no index.html" in result.output
