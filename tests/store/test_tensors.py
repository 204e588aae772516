import json

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.spec import LaminaError
from lamina.store import load_tensors, save_tensors

TENSORS = {
    "a": torch.arange(6.0).reshape(2, 3),
    "scalar": torch.tensor(3.5, dtype=torch.float64),
    "half": torch.tensor([1.0, -2.0], dtype=torch.bfloat16),
    "bytes": torch.tensor([0, 255], dtype=torch.uint8),
    "yes": torch.tensor([True, False]),
    "none": torch.zeros(0, 4),
}


def same(a, b):
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and torch.equal(a[k], b[k]) for k in a
    )


def test_round_trip(tmp_path):
    path = tmp_path / "t.safetensors"
    save_tensors(path, TENSORS, {"note": "ä"})
    tensors, metadata = load_tensors(path)
    assert same(tensors, TENSORS)
    assert metadata == {"note": "ä"}


def test_views_and_tied_tensors(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    given = {"t": base.T, "base": base, "tied": base, "row": base[1]}
    save_tensors(tmp_path / "t", given, {})
    assert same(load_tensors(tmp_path / "t")[0], given)
    parameter = torch.nn.Parameter(torch.ones(2))
    save_tensors(tmp_path / "p", {"p": parameter}, {})
    assert torch.equal(load_tensors(tmp_path / "p")[0]["p"], torch.ones(2))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_damage_is_one_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("t") / "t.safetensors"
    save_tensors(path, TENSORS, {"note": "x"})
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="cut"):
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(whole)
    problem = None
    try:
        tensors, metadata = load_tensors(path)
    except LaminaError as error:
        problem = error
    if problem is None:  # a byte between two fields of the header, say, may change nothing
        assert same(tensors, TENSORS)
        assert metadata == {"note": "x"}
    else:
        assert problem.place == str(path)
        assert "\n" not in str(problem)


def test_changed_numbers_names_and_metadata_are_noticed(tmp_path):
    path = tmp_path / "t"
    save_tensors(path, TENSORS, {"note": "x"})
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    noted = json.loads(header["__metadata__"]["lamina"])
    assert noted["note"] == "x"
    for tensors, metadata in [
        ({**TENSORS, "a": TENSORS["a"] + 1}, noted),
        ({**TENSORS, "a": TENSORS["a"].reshape(3, 2)}, noted),
        ({**TENSORS, "b": TENSORS["a"] + 1}, noted),
        (TENSORS, {**noted, "note": "y"}),
    ]:
        path.write_bytes(safetensors.torch.save(tensors, {"lamina": json.dumps(metadata)}))
        with pytest.raises(LaminaError, match="changed after it was written"):
            load_tensors(path)
    path.write_bytes(safetensors.torch.save(TENSORS, {"lamina": json.dumps(noted)}))
    load_tensors(path)


def test_equal_contents_are_equal_files(tmp_path):
    notes = {name: name for name in "abcdef"}
    for name, order in (("one", sorted(notes)), ("two", sorted(notes, reverse=True))):
        save_tensors(tmp_path / name, TENSORS, {key: notes[key] for key in order})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_files_that_are_something_else(tmp_path):
    with pytest.raises(LaminaError, match="cannot be read"):
        load_tensors(tmp_path / "missing")
    (tmp_path / "text").write_text("hello, this is no safetensors file at all")
    with pytest.raises(LaminaError, match="safetensors"):
        load_tensors(tmp_path / "text")
    safetensors.torch.save_file(TENSORS, tmp_path / "foreign")
    with pytest.raises(LaminaError, match="lamina did not write it"):
        load_tensors(tmp_path / "foreign")


KEPT = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
    *("float16", "bfloat16", "float32", "float64", "complex64"),
)


@pytest.mark.parametrize("kind", KEPT)
def test_every_type_of_the_format_is_read_back(kind, tmp_path):
    dtype = getattr(torch, kind)
    numbers = torch.tensor([0.0, 1.0, 2.0]).to(dtype)
    save_tensors(tmp_path / "t", {"t": numbers}, {})
    again = load_tensors(tmp_path / "t")[0]["t"]
    assert again.dtype == dtype
    assert torch.equal(again.view(torch.uint8), numbers.view(torch.uint8))


@pytest.mark.parametrize("kind", ["complex128", "float8_e8m0fnu"])
def test_other_types_are_refused_before_anything_is_written(kind, tmp_path):
    numbers = torch.empty(2, dtype=getattr(torch, kind))
    with pytest.raises(LaminaError, match=f"t: tensor 'w' is {kind}, .*convert it first"):
        save_tensors(tmp_path / "t", {"w": numbers}, {})
    assert not (tmp_path / "t").exists()
