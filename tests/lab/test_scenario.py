from docstore.lab.scenario import Degrade, Expect, Link, Quality, RandomEdits, Scenario


def test_a_link_names_itself_and_its_driver():
    link = Link(("a", "b"))
    assert (link.name, link.driver) == ("a-b", "a")
    assert Link(("a", "b"), name="x", driver="b").name == "x"


def test_a_driver_pushes_before_it_pulls():
    assert list(Link(("a", "b")).directions()) == [("a", "b"), ("b", "a")]
    assert list(Link(("a", "b"), driver="b").directions()) == [("b", "a"), ("a", "b")]


def test_a_one_way_link_has_one_direction_whoever_drives():
    assert list(Link(("a", "b"), one_way=True).directions()) == [("a", "b")]
    assert list(Link(("a", "b"), one_way=True, driver="b").directions()) == [("a", "b")]


def test_degrading_leaves_what_it_does_not_name():
    quality = Degrade(0, ("all",), delay=2, cut=0).applied_to(Quality(delay=1, bandwidth=100, lose=0.5, cut=0.5))
    assert quality == Quality(delay=2, bandwidth=100, lose=0.5, cut=0)


def test_a_scenario_ends_when_its_last_part_does():
    scenario = Scenario("x", ("a",), ())
    assert scenario.end == 0
    assert Scenario("x", ("a",), (), duration=5, steps=(Expect(9, True),)).end == 9
    assert Scenario("x", ("a",), (), duration=50, edits=(RandomEdits(("a",), until=40, every=1),)).end == 50


def test_all_stands_for_all_links():
    scenario = Scenario("x", ("a", "b", "c"), (Link(("a", "b")), Link(("b", "c"))))
    assert scenario.link_names(("all",)) == ["a-b", "b-c"]
    assert scenario.link_names(("b-c",)) == ["b-c"]
