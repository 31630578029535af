"""What is not compared: an order, a place, and nothing else."""

from tests.differential.levels import levelled


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


def test_places_of_views():
    told, other, without = (
        {"json": {**place, "rows": []}} for place in ({"update_seq": "0-a"}, {"update_seq": "2-b"}, {})
    )
    assert levelled("view", told) == levelled("view", other) != levelled("view", without)
    one, another = ({"json": {"results": [place["json"]]}} for place in (told, other))
    assert levelled("view", one) == levelled("view", another)
    assert levelled("listing", told) != levelled("listing", other)
