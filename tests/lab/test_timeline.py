from docstore.lab.timeline import Event, Kind, Timeline


def test_events_are_kept_and_told():
    told = []
    timeline = Timeline(on_event=told.append)
    timeline.add(Event(1, Kind.WRITE, "edited", node="a"))
    timeline.add(Event(2, Kind.KILL, "killed", node="a"))
    assert timeline.events == told
    assert [event.at for event in timeline.of(Kind.KILL)] == [2]


def test_an_event_in_words():
    assert str(Event(90, Kind.HEAL, "healed", link="a-b")) == "00:01:30  a-b: healed"
    assert (
        str(Event(0, Kind.REPLICATION, "2 revisions", node="a", target="b", link="x")) == "00:00:00  a → b: 2 revisions"
    )
    assert str(Event(0, Kind.SETTLE, "the end")) == "00:00:00  the end"


def test_a_replication_is_idle_if_it_moved_nothing_and_did_not_fail():
    assert Event(0, Kind.REPLICATION, "").is_idle
    assert not Event(0, Kind.REPLICATION, "", written=1).is_idle
    assert not Event(0, Kind.REPLICATION, "", failed=True).is_idle
    assert not Event(0, Kind.WRITE, "").is_idle
