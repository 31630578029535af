"""Attachments: uploads that go on where they were, previews that let no file do anything."""

import base64
import hashlib
import random
import re
from urllib.parse import quote

import pytest

from tests.browser.turns import Held, listening

expect = pytest.importorskip("playwright.sync_api").expect

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def choose(page, *files):
    page.get_by_label("Files to attach").set_input_files(
        [{"name": name, "mimeType": kind, "buffer": content} for name, kind, content in files]
    )


def test_files_are_attached_shown_and_deleted(page, site):
    db = site.database("attached", [{"_id": "a", "n": 1.0}])
    page.goto(site.page("/db/attached/doc/a"))
    choose(page, ("dot.png", "image/png", PNG), ("note <b>.html", "text/html", b"<script>alert(1)</script>"))
    expect(page.get_by_text("note <b>.html is attached.")).to_be_visible()
    stubs = site.ask("GET", f"{db}/a")["_attachments"]
    assert {name: stub["content_type"] for name, stub in stubs.items()} == {
        "dot.png": "image/png",
        "note <b>.html": "text/html",
    }
    page.get_by_role("button", name="dot.png", exact=True).click()
    image = page.get_by_role("img", name="Preview")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 1
    page.keyboard.press("Escape")
    page.get_by_role("button", name="note <b>.html", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("<script>alert(1)</script>")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete dot.png").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="dot.png", exact=True)).to_have_count(0)
    assert list(site.ask("GET", f"{db}/a")["_attachments"]) == ["note <b>.html"]


def test_edits_under_way_go_on_from_the_revision_with_the_file(page, site):
    db = site.database("both", [{"_id": "a"}])
    page.goto(site.page("/db/both/doc/a"))
    area = page.locator("json-editor textarea")
    area.fill(area.input_value().replace("}", ', "typed": 1.0}'))
    choose(page, ("x.txt", "text/plain", b"hello"))
    expect(page.get_by_text("x.txt is attached.")).to_be_visible()
    expect(area).to_have_value(re.compile('"typed": 1.0'))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved as 3-")).to_be_visible()
    doc = site.ask("GET", f"{db}/a")
    assert doc["typed"] == 1
    assert "x.txt" in doc["_attachments"]


def test_a_large_file_goes_on_after_broken_connections_and_a_reload(page, site, tmp_path):
    db = site.database("resumed", [{"_id": "a"}])
    content = random.Random(7).randbytes(900_000)
    file = tmp_path / "big.bin"
    file.write_bytes(content)
    page.goto(site.page("/db/resumed/doc/a"))
    sent = []
    held = []

    def pieces(route):
        if route.request.method == "PATCH":
            sent.append(int(route.request.headers["upload-offset"]))
            if len(sent) == 2:
                return route.abort()
            if len(sent) == 4:
                return held.append(route)  # never answered: the page is loaded anew meanwhile
        return route.continue_()

    page.route(re.compile("/_uploads/"), pieces)
    page.get_by_label("Files to attach").set_input_files(file)
    expect(page.get_by_text(re.compile("^big.bin: (512|768) KiB of 879 KiB"))).to_be_visible()
    with listening(page, "dialog"):
        page.reload()
    expect(page.get_by_text(re.compile(r"big.bin was cut short at"))).to_be_visible()
    page.get_by_label("The file big.bin once more").set_input_files(file)
    expect(page.get_by_role("button", name="big.bin", exact=True)).to_be_visible()
    digest = site.ask("GET", f"{db}/a")["_attachments"]["big.bin"]["digest"]
    assert digest == "md5-" + base64.b64encode(hashlib.md5(content).digest()).decode()
    assert len(held) == 1
    assert 0 < sent[1] == sent[2] < sent[3] == sent[4], "what the server has is not sent again"
    assert page.evaluate("localStorage.getItem('docstore-uploads')") == "[]"


def test_a_file_is_dropped(page, site):
    db = site.database("dropped", [{"_id": "a"}])
    page.goto(site.page("/db/dropped/doc/a"))
    data = page.evaluate_handle(
        "() => { const data = new DataTransfer();"
        "data.items.add(new File(['dropped'], 'drop.txt', {type: 'text/plain'})); return data; }"
    )
    page.get_by_role("region", name="Attachments").dispatch_event("drop", {"dataTransfer": data})
    expect(page.get_by_text("drop.txt is attached.")).to_be_visible()
    assert site.ask("GET", f"{db}/a/drop.txt", text=True) == "dropped"


def test_what_browsers_take_out_of_a_path_is_not_asked_for(page, site):
    db = site.database("climbed", [{"_id": "."}])
    site.database("above")
    names = ["..", "", "../../above", "a//b"]
    site.ask(
        "PUT", f"{db}/d", {"_attachments": {name: {"data": "aGVsbG8=", "content_type": "text/plain"} for name in names}}
    )
    page.goto(site.page("/db/climbed/doc/d"))
    attachments = page.get_by_role("region", name="Attachments")
    expect(attachments.get_by_role("listitem")).to_have_count(4)
    expect(attachments.get_by_role("button", name=re.compile("^Delete"))).to_have_count(2)
    for name in names[2:]:
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text("hello")
        page.keyboard.press("Escape")
        page.get_by_role("button", name=f"Delete {name}", exact=True).click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    assert set(site.ask("GET", f"{db}/d")["_attachments"]) == {"..", ""}
    assert {"climbed", "above"} <= set(site.ask("GET", "_all_dbs"))
    for one in (".", "..", "_design/."):
        page.goto(site.page(f"/db/climbed/doc/{quote(one, safe='')}"))
        expect(page.get_by_role("alert")).to_have_text(f'Browsers cannot ask for what is called "{one}".')


def test_an_upload_is_paused_and_given_up(page, site, tmp_path):
    db = site.database("given_up", [{"_id": "a"}])
    file = tmp_path / "big.bin"
    file.write_bytes(bytes(900_000))
    page.goto(site.page("/db/given_up/doc/a"))
    held = Held(page, "/_uploads/")
    page.get_by_label("Files to attach").set_input_files(file)
    where = held.first().url
    page.get_by_role("button", name="Pause").click()
    held.let_go()
    expect(page.get_by_text(re.compile(r"big.bin was cut short at [\d.]+ (B|KiB) of 879 KiB"))).to_be_visible()
    upload = where.removeprefix(site.url + "/")
    assert site.ask("GET", upload)["length"] == 900_000
    page.get_by_role("button", name="Give it up").click()
    expect(page.get_by_text("was cut short")).to_have_count(0)
    with pytest.raises(OSError, match="404"):
        site.ask("GET", upload)
    assert "_attachments" not in site.ask("GET", f"{db}/a")
