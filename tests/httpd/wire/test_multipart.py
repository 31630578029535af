"""Multipart bodies of replies."""

from docstore.httpd.wire.multipart import MultipartWriter


def test_boundaries_differ():
    assert MultipartWriter("mixed").content_type != MultipartWriter("mixed").content_type


def test_a_boundary_can_be_chosen():
    writer = MultipartWriter("mixed", "b", quoted=False)
    assert writer.content_type == "multipart/mixed; boundary=b"
    assert writer.part("a/b") + writer.end() == b"--b\r\nContent-Type: a/b\r\n\r\n\r\n--b--"
