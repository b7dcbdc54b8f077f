from hypothesis import given, settings
from hypothesis import strategies as st

from ros_nodes.drops import Drops, Reason
from ros_nodes.time_sync import TimeSync

MS = 1_000_000


def sync(drops=None, topics=("color", "depth"), slop=20, capacity=5):
    return TimeSync(topics, drops or Drops(), slop=slop * MS, capacity=capacity)


def test_messages_with_the_same_stamp_are_joined_in_any_order():
    parts = sync(topics=("color", "depth", "masks"))
    assert parts.add("masks", 5 * MS, "m") == []
    assert parts.add("color", 5 * MS, "c") == []
    assert parts.add("depth", 5 * MS, "d") == [(5 * MS, ("c", "d", "m"))]
    assert len(parts) == 0


def test_the_nearest_within_the_slop_is_taken():
    parts = sync()
    parts.add("depth", 10 * MS, "far")
    parts.add("depth", 28 * MS, "near")
    assert parts.add("color", 30 * MS, "c") == []  # A nearer one may still come.
    assert parts.add("depth", 45 * MS, "later") == [(30 * MS, ("c", "near"))]


def test_an_image_without_companions_is_counted():
    drops = Drops()
    parts = sync(drops)
    parts.add("color", 100 * MS, "lonely")
    parts.add("color", 200 * MS, "c")
    assert parts.add("depth", 200 * MS, "d") == [(200 * MS, ("c", "d"))]
    assert drops.counts == {Reason.OUT_OF_SYNC: 1}


def test_queues_are_bounded_and_what_is_pushed_out_is_counted():
    drops = Drops()
    parts = sync(drops, capacity=3)
    for number in range(10):
        parts.add("color", number * 100 * MS, number)
    assert len(parts) == 3
    assert drops.counts == {Reason.OUT_OF_SYNC: 7}
    for number in range(10):  # Companions that lead nothing are no loss.
        parts.add("depth", (2000 + number * 100) * MS, number)
    assert drops.counts[Reason.OUT_OF_SYNC] == 10


def test_a_clock_that_goes_back_drops_what_waits_from_before():
    parts = sync()
    parts.add("color", 50_000 * MS, "old")
    parts.add("depth", 1_000 * MS, "new")
    assert parts.jump_back(1_000 * MS) == 1
    assert parts.add("color", 1_000 * MS, "c") == [(1_000 * MS, ("c", "new"))]


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_every_pair_is_found_once_when_streams_arrive_in_order_but_interleaved(data):
    count = data.draw(st.integers(1, 12))
    parts, drops = sync(capacity=20), Drops()
    jitter = data.draw(st.lists(st.integers(-9, 9), min_size=count, max_size=count))
    streams = {
        "color": [(100 + 40 * n) * MS for n in range(count)],
        "depth": [(100 + 40 * n + jitter[n]) * MS for n in range(count)],
    }
    found = []
    while streams["color"] or streams["depth"]:
        topic = data.draw(st.sampled_from([t for t, left in streams.items() if left]))
        stamp = streams[topic].pop(0)
        found += parts.add(topic, stamp, (topic, stamp))
    found += parts.add("depth", 10**6 * MS, ("depth", 0))
    assert [(c[1], d[1]) for _, (c, d) in found] == [
        ((100 + 40 * n) * MS, (100 + 40 * n + jitter[n]) * MS) for n in range(count)
    ]
    assert drops.total == 0
