"""Looks are counted in the order of the records."""

from __future__ import annotations

from lamina.depth.judge.looks import Way, count_looks, looks_before, record_of


def way(seeds: int, strategy: str = "grid") -> Way:
    return Way(strategy, (1, 2), seeds, None, 20, "{}")


def recorded(*sessions):
    """The records of sessions that each saw the earlier ones."""
    records = {"times of depths 1, 2": [1.0]}  # agreed values that are no records
    for asked, judged, looks in sessions:
        records.setdefault(asked.record, record_of(records, judged, looks))
    return records


A, B = (way(3), "abc", 1), (way(4), "abcd", 2)


def test_the_first_look_follows_none():
    assert looks_before(recorded(), way(3)) == ()
    assert count_looks(recorded(A), *A) == ((), 1)


def test_later_evidence_is_a_further_look_and_the_earlier_keeps_its_place():
    records = recorded(A, B)
    assert count_looks(records, *A) == ((), 1)
    assert count_looks(records, *B) == ((3,), 2)
    assert looks_before(records, way(5)) == (3, 4, 4)


def test_the_same_evidence_asked_in_another_way_is_no_further_look():
    race = (way(3, "race"), "cba", 5)
    records = recorded(A, race, B)
    assert count_looks(records, *race) == ((), 1)
    assert count_looks(records, *B) == ((3,), 2)


def test_the_same_way_with_other_evidence_keeps_its_place():
    records = recorded(A, B, (way(3), "ab", 1))
    assert count_looks(records, way(3), "ab", 1) == ((), 1)


def test_sessions_that_judged_the_same_runs_at_once_share_the_look_of_the_first():
    race = (way(3, "race"), "abc", 1)
    unseen = {A[0].record: record_of({}, *A[1:]), race[0].record: record_of({}, *race[1:])}
    assert count_looks(unseen, *A) == count_looks(unseen, *race) == ((), 1)
