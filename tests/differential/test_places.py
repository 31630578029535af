"""Update sequences of two servers: pairs that go together, and those that cannot."""

from tests.differential.places import Places, number_of


def test_a_place_goes_with_its_pair_again():
    places = Places()
    assert [places.pair(*pair) for pair in (("3-x", "7-y"), ("5-x", "9-y"), ("3-x", "7-y"))] == ["", "", ""]


def test_one_server_may_count_what_the_other_does_not():
    places = Places()
    assert places.pair("3-x", "3-y") == ""
    assert places.pair("4-x", "3-y") == ""


def test_places_in_another_order_are_told():
    places = Places()
    assert places.pair("3-x", "7-y") == ""
    assert places.pair("4-x", "6-y") != ""


def test_a_number_is_no_text():
    assert Places().pair(3, "3-x") != ""


def test_each_side_hears_its_own_words():
    places = Places()
    assert places.newest(0, 0) == "0"
    places.pair("3-x", "7-y")
    places.pair("5-x", "9-y")
    assert (places.newest(0, 0), places.newest(1, 1), places.newest(2, 1)) == ("5-x", "7-y", "9-y")


def test_a_deleted_database_has_no_places():
    places = Places()
    places.pair("3-x", "7-y")
    places.forget()
    assert places.pair("4-x", "6-y") == ""
    assert places.newest(0, 0) == "4-x"


def test_the_number_of_a_sequence():
    assert [number_of(one) for one in ("3-x", 3, "x", True, None)] == [3, 3, None, None, None]


def test_a_pair_that_is_taken_back_holds_nothing_against_others():
    places = Places()
    places.pair("3-x", "3-y")
    places.pair("4-x", "9-y")
    places.take_back()
    assert places.newest(0, 0) == "3-x"
    assert places.pair("5-x", "5-y") == ""


def test_only_the_last_pair_is_taken_back():
    places = Places()
    places.pair("3-x", "7-y")
    places.pair("4-x", "8-y")
    places.take_back()
    places.take_back()
    assert places.newest(0, 1) == "7-y"
    assert places.pair("4-x", "6-y") != ""
