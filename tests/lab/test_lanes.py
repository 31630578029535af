from docstore.lab.lanes import LEFT, MOST_TICKS, WIDTH, draw_lanes
from docstore.lab.timeline import Event, Kind


def picture(*events, end=100.0):
    return draw_lanes(["a", "b"], ["a-b"], events, end)


def test_a_lane_for_each_node_and_link():
    drawn = picture()
    assert [(lane.name, lane.is_link) for lane in drawn.lanes] == [("a", False), ("b", False), ("a-b", True)]
    heights = [lane.y for lane in drawn.lanes]
    assert heights == sorted(heights)
    assert heights[-1] < drawn.height


def test_marks_stand_at_their_moment_on_their_lane():
    drawn = picture(Event(0, Kind.WRITE, "x", node="a"), Event(100, Kind.DELETE, "x", node="b"))
    lanes = {lane.name: lane.y for lane in drawn.lanes}
    first, last = drawn.marks
    assert (first.kind, first.x, first.y) == ("edit", LEFT, lanes["a"])
    assert (last.kind, last.y) == ("delete", lanes["b"])
    assert LEFT < last.x < WIDTH


def test_very_many_marks_are_no_more_than_pixels():
    drawn = picture(*(Event(number / 1_000, Kind.WRITE, "x", node="a") for number in range(100_000)))
    assert len(drawn.marks) <= WIDTH


def test_a_replication_that_moved_something_is_an_arrow():
    moved = Event(50, Kind.REPLICATION, "2 revisions", node="b", target="a", link="a-b", since=20, written=2)
    idle = Event(60, Kind.REPLICATION, "0 revisions", node="b", target="a", link="a-b", since=60)
    drawn = picture(moved, idle)
    [arrow] = drawn.arrows
    assert arrow.x1 < arrow.x2
    assert arrow.y1 > arrow.y2
    assert arrow.text.endswith("2 revisions, took 30s")


def test_faults_and_failures_stand_on_the_link():
    failed = Event(5, Kind.REPLICATION, "cut", node="a", target="b", link="a-b", since=1, failed=True)
    drawn = picture(Event(3, Kind.CUT, "cut: GET /", link="a-b"), failed)
    assert [(mark.kind, mark.y) for mark in drawn.marks] == [("fault", drawn.lanes[2].y), ("failed", drawn.lanes[2].y)]
    assert drawn.arrows == ()


def test_spans_from_what_begins_them_to_what_ends_them():
    drawn = picture(
        Event(10, Kind.KILL, "killed", node="b"),
        Event(20, Kind.PARTITION, "partitioned", link="a-b"),
        Event(30, Kind.RESTART, "restarted", node="b"),
        Event(50, Kind.DEGRADE, "delay 1s", link="a-b"),
        Event(80, Kind.SETTLE, "the end"),
    )
    assert [(span.kind, span.y) for span in drawn.spans] == [
        ("down", drawn.lanes[1].y),
        ("partitioned", drawn.lanes[2].y),
        ("degraded", drawn.lanes[2].y),
    ]
    down, partitioned, degraded = drawn.spans
    assert down.width < partitioned.width
    assert partitioned.width == degraded.width
    assert down.text == "00:00:10  b: killed until 00:00:30"


def test_ticks_are_few_for_any_length():
    for end in (0.0, 0.5, 59.0, 3_600.0, 604_800.0, 1e9):
        ticks = picture(end=end).ticks
        assert 1 <= len(ticks) <= MOST_TICKS + 1
        assert ticks[0][0] == LEFT
