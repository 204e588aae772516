"""Laws of a split: complete, disjoint, repeatable, stratified, no copy on both sides."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.data import PARTS, Split, fill_parts, shares_left, split_rows, split_stream
from lamina.data.prepare.split import linked
from lamina.spec import LaminaError

law = settings(deadline=None, max_examples=200)
FRACTIONS = [(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.7, 0.3, 0.0), (1.0, 0.0, 0.0), (0.1, 0.1, 0.8)]


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


#: Copies, some with more than one label, and enough rows of their own to fill every part.
rows = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), max_size=120).map(
    lambda copies: [*copies, *((1000 + i, "ab"[i % 2]) for i in range(40))]
)


@given(rows=rows, fractions=st.sampled_from(FRACTIONS), seed=st.integers(0, 2**32))
@law
def test_complete_disjoint_repeatable_and_no_copy_apart(rows, fractions, seed):
    keys, labels = [str(key) for key, _ in rows], [label for _, label in rows]
    got = parts(split_rows(keys, labels, fractions=fractions, seed=seed))
    assert all(part.dtype == np.int64 and (np.diff(part) > 0).all() for part in got)
    assert sorted(np.concatenate(got).tolist()) == list(range(len(rows)))
    assert [len(part) > 0 for part in got] == [fraction > 0 for fraction in fractions]
    seen = [{keys[i] for i in part} for part in got]
    assert sum(map(len, seen)) == len(set(keys))
    again = parts(split_rows(keys, labels, fractions=fractions, seed=seed))
    assert all((a == b).all() for a, b in zip(got, again, strict=True))


@given(
    sizes=st.lists(st.integers(2, 80), min_size=2, max_size=5),
    fractions=st.sampled_from(FRACTIONS),
    seed=st.integers(0, 99),
)
@law
def test_shares_of_a_label_are_right_to_one_row(sizes, fractions, seed):
    labels = [str(c) for c, n in enumerate(sizes) for _ in range(n)]
    try:
        split = split_rows(range(len(labels)), labels, fractions=fractions, seed=seed)
    except LaminaError:
        return
    for part, fraction in zip(parts(split), fractions, strict=True):
        counts = Counter(labels[i] for i in part)
        for c, n in enumerate(sizes):
            assert abs(counts[str(c)] - n * fraction) < 1


@given(
    groups=st.lists(st.integers(1, 6), min_size=20, max_size=80),
    fractions=st.sampled_from(FRACTIONS),
    seed=st.integers(0, 99),
)
@law
def test_shares_are_right_to_one_group(groups, fractions, seed):
    keys = [g for g, n in enumerate(groups) for _ in range(n)]
    split = split_rows(keys, None, fractions=fractions, seed=seed)
    for part, fraction in zip(parts(split), fractions, strict=True):
        assert abs(len(part) - fraction * len(keys)) < 1 + max(groups)


def test_the_seed_matters_and_rows_are_shuffled():
    a, b = (split_rows(range(100), None, seed=seed).test for seed in (0, 1))
    assert set(a) != set(b)
    assert a.tolist() != list(range(a[0], a[0] + 10))


def test_many_small_labels_fill_every_part():
    labels = [str(i // 4) for i in range(400)]
    split = split_rows(range(400), labels, seed=0)
    assert [len(part) for part in parts(split)] == [320, 40, 40]
    assert len({labels[i] for i in split.train}) == 100


def test_a_single_example_goes_to_train():
    labels = ["a"] * 20 + ["b"] * 20 + ["rare"]
    for seed in range(20):
        split = split_rows(range(41), labels, fractions=(0.1, 0.1, 0.8), seed=seed)
        assert 40 in split.train


def test_a_large_group_does_not_break_the_counts():
    keys = ["copy"] * 50 + [str(i) for i in range(50)]
    split = split_rows(keys, None, seed=3)
    assert [len(part) for part in parts(split)] == [80, 10, 10]
    assert set(range(50)) <= set(split.train.tolist())


@pytest.mark.parametrize(
    ("labels", "options", "words"),
    [
        (["pos"] * 300, {}, 'got one class "pos" in 300 rows; need at least two'),
        (["a", "b"], {}, "got 2 rows (2 different, 2 classes)"),
        (["a", "b"], {}, "or give validation a larger share, or 0"),
        ([], {}, "got 0 rows"),
        (["a", "b"] * 9, {"seed": -1}, "split_seed is -1; need 0 or more"),
        (["a", "b"] * 9, {"fractions": (0.5, 0.5)}, "need train, validation and test"),
        (["a", "b"] * 9, {"fractions": (0.5, 0.4, 0.4)}, "together 1"),
        (["a", "b"] * 9, {"fractions": (0.0, 0.5, 0.5)}, "train above 0"),
        (["a", "b"] * 9, {"fractions": (1.5, -0.5, 0.0)}, "none negative"),
        (["a", "b"] * 9, {"fractions": (float("nan"), 0.5, 0.5)}, "none negative"),
    ],
)
def test_what_cannot_be_split(labels, options, words):
    with pytest.raises(LaminaError) as caught:
        split_rows(range(len(labels)), labels, **{"seed": 0, **options})
    assert words in caught.value.message


def test_labels_that_do_not_fit_the_rows():
    with pytest.raises(LaminaError, match="3 rows and 2 labels"):
        split_rows("abc", ["x", "y"], seed=0)


@given(n=st.integers(25, 500), fractions=st.sampled_from(FRACTIONS))
@law
def test_a_stream_is_cut_in_order(n, fractions):
    cuts = split_stream(n, fractions)
    assert [i for cut in cuts for i in range(cut.start, cut.stop)] == list(range(n))
    for cut, fraction in zip(cuts, fractions, strict=True):
        assert abs((cut.stop - cut.start) - n * fraction) <= 1
        assert fraction == 0 or cut.stop - cut.start >= 2


@pytest.mark.parametrize("n", [0, 1, 9, 14])
def test_a_stream_too_short_for_its_parts(n):
    with pytest.raises(LaminaError, match=f"got {n} steps?; .* need at least 2"):
        split_stream(n)


def test_a_single_text_with_copies_goes_to_train_too():
    keys = [*range(40), *["rare"] * 5]
    labels = ["a"] * 20 + ["b"] * 20 + ["rare"] * 5
    split = split_rows(keys, labels, fractions=(0.1, 0.1, 0.8), seed=0)
    assert set(range(40, 45)) <= set(split.train.tolist())


def test_train_sees_every_label():
    labels = [str(i // 2) for i in range(40)]
    split = split_rows(range(40), labels, fractions=(0.3, 0.3, 0.4), seed=0)
    assert {labels[i] for i in split.train} == set(labels)


@pytest.mark.parametrize("seed", range(5))
def test_large_groups_are_placed_first(seed):
    keys = ["small"] * 10 + ["middle"] * 20 + ["large"] * 70
    split = split_rows(keys, None, fractions=(0.7, 0.2, 0.1), seed=seed)
    assert [len(part) for part in parts(split)] == [70, 20, 10]


@given(there=st.sets(st.sampled_from(["validation", "test"])), seed=st.integers(0, 9))
@law
def test_parts_that_are_there_take_no_rows(there: set[str], seed: int) -> None:
    keys = [str(i) for i in range(50)]
    own = {part: ["own"] for part in there}
    got = fill_parts(
        own, lambda rows: [keys[i] for i in rows], keys, fractions=(0.6, 0.2, 0.2), seed=seed
    )
    assert tuple(got) == PARTS
    assert {part for part in PARTS if got[part] == ["own"]} == there
    assert sorted(key for part in PARTS if part not in there for key in got[part]) == sorted(keys)
    shares = shares_left((0.6, 0.2, 0.2), there)
    assert sum(shares) == pytest.approx(1)
    for part, share in zip(PARTS, shares, strict=True):
        assert part in there or abs(len(got[part]) - 50 * share) < 1


letters = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), max_size=12)


@given(letters)
def test_linked_pairs_have_one_key_and_no_others(pairs):
    keys = linked([a for a, _ in pairs], [b for _, b in pairs])
    tied = [{i} for i in range(len(pairs))]
    for _ in pairs:  # as often as the longest chain could need
        for i, (a, b) in enumerate(pairs):
            for j, (c, d) in enumerate(pairs):
                if a == c or b == d:
                    tied[i] |= tied[j]
    for i, key in enumerate(keys):
        assert {j for j, other in enumerate(keys) if other == key} == tied[i]


def test_rows_without_labels_are_not_said_to_have_classes():
    with pytest.raises(LaminaError, match=r"got 40 rows \(5 different\); that"):
        split_rows([i % 5 for i in range(40)], None, seed=0)
