"""What is not compared: the order, and nothing else."""

from tests.differential.levels import levelled


def document(doc_id, rev):
    return {"_id": doc_id, "_rev": rev}


def test_revisions_of_one_row():
    one, other = ({"results": [{"id": "a", "docs": [document("a", rev) for rev in revs]}]} for revs in ("xy", "yx"))
    assert levelled("bulk.get", {"json": one}) == levelled("bulk.get", {"json": other})
    assert levelled("listing", {"json": one}) != levelled("listing", {"json": other})


def test_parts_of_one_document_but_not_of_two():
    parts = [{"json": document(doc_id, rev)} for doc_id, rev in (("a", "x"), ("a", "y"), ("b", "z"))]
    turned, mixed = [parts[1], parts[0], parts[2]], [parts[2], parts[0], parts[1]]
    assert levelled("bulk.get", {"multipart": parts}) == levelled("bulk.get", {"multipart": turned})
    assert levelled("bulk.get", {"multipart": parts}) != levelled("bulk.get", {"multipart": mixed})


def test_purges():
    infos = [{"id": "a", "revs": []}, {"id": "b", "revs": []}]
    one, other = ({"json": {"purged_infos": order}} for order in (infos, infos[::-1]))
    assert levelled("info", one) == levelled("info", other)


def test_what_has_another_shape_stays_as_it_is():
    for observed in ({"json": {"error": "x"}}, {"json": []}, {"empty": True}, {"json": {"results": [{"id": "a"}]}}):
        assert levelled("bulk.get", observed) == observed
        assert levelled("info", observed) == observed


def test_checkpoints_of_indexes():
    rows = [{"id": "_local/l"}, {"id": "_local/purge-mrview-1"}, {"key": "x", "error": "not_found"}]
    kept = [rows[0], rows[2]]
    assert levelled("listing", {"json": {"rows": rows}}) == {"json": {"rows": kept}}
    assert levelled("listing", {"json": {"results": [{"rows": rows}]}}) == {"json": {"results": [{"rows": kept}]}}
