"""Speech to text: what is read, the laws of batches and streams, and what a run gives back."""

from __future__ import annotations

import json
import math
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.spec import LaminaError
from lamina.tasks import Transcribe, Transcriber, load, reopen
from lamina.train import Silent, evaluate, fit
from laws import EXACT
from speech_maker import RATE, samples, write_strings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    """A folder with the manifest ``tones.csv``; features are kept in it too."""
    made = tmp_path_factory.mktemp("speech")
    write_strings(made, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINA_CACHE", str(made / "cache"))
        yield made


def task(folder: Path, name: str = "tones.csv", **changes: Any) -> Transcribe:
    chosen = {"split": "part", "bins": 20, "batch_size": 8, **changes}
    return Transcribe(folder / name, **chosen)


def made(work: Transcribe, **options: Any) -> Transcriber:
    torch.manual_seed(0)
    model = work.model(**{"depth": 2, "width": 8, **options}).eval()
    with torch.no_grad():  # a network that says something before it has learnt anything
        model.head.bias[model.blank] = -0.5
        model.head.weight.mul_(4)
    return model


@pytest.fixture(scope="module")
def learnt(folder: Path) -> tuple[Transcribe, Transcriber, Path]:
    """A run that has learnt the tones, its task and its model."""
    plain = {"speed": 0.0, "warp": 0.0, "gain_db": 1.0, "time_masks": 0, "frequency_masks": 0}
    work = task(folder, level="word", bins=16, batch_size=6, **plain)
    torch.manual_seed(0)
    model = work.model(depth=2, width=24, halvings=1)
    fit(model, work, epochs=25, lr=0.02, out=folder / "run", progress=Silent())
    return work, model, folder / "run"


def test_it_learns_and_comes_back(learnt, folder: Path) -> None:
    work, model, run = learnt
    assert evaluate(model, work, "test")["WER"] <= 0.2
    again = load(run)
    assert isinstance(again, Transcriber)
    audio = again.read(folder / "tones.csv")
    assert audio == [folder / f"wav/tones{i}.wav" for i in range(60)]
    assert again.predict(audio) == model.predict(audio)
    assert again.read(audio[0]) == [audio[0]]
    one = again.answers([samples(["do", "fa"], seed=99)])[0]
    assert one["text"] == "do fa"
    assert 0.2 < one["probability"] <= 1
    scores = evaluate(again, Transcribe.for_model(again, folder / "tones.csv"), "test")
    assert scores["WER"] <= 0.1  # nearly all of it was learnt by
    assert scores["CER"] <= 0.1
    assert work.baseline() <= 1


def test_the_same_arguments_give_the_same_batches(folder: Path) -> None:
    work = task(folder)
    a, b, c = (work.batches("train", epoch=e, seed=1) for e in (3, 3, 4))
    for k in reversed(range(len(a))):
        assert torch.equal(a[k].inputs, b[k].inputs)
        assert torch.equal(a[k].targets, b[k].targets)
    assert any(
        x.inputs.shape != y.inputs.shape or not torch.equal(x.inputs, y.inputs)
        for x, y in zip(a, c, strict=True)
    )
    plain = [work.batches("validation", epoch=e)[0].inputs for e in (0, 1)]
    assert torch.equal(*plain)


def test_features_are_scaled_by_the_training_part(folder: Path) -> None:
    work = task(folder)
    frames = np.concatenate([work.scale(x) for x in work.parts["train"].frames])
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize(
    "options", [{"bidirectional": True, "halvings": 2}, {"cell": "lstm", "beam": 4}]
)
def test_a_batch_is_its_members_alone_and_padding_is_not_read(folder: Path, options) -> None:
    work = task(folder)
    model = made(work, **options).double()
    batch = next(b for b in work.batches("validation") if b.lengths is not None)
    assert batch.lengths is not None
    for b, n in enumerate(batch.lengths):
        batch.inputs[n:, b] = float("nan")
    together = work.step(model, batch, None)
    log_probs, lengths = model(batch.inputs, batch.lengths)
    found = model.tokens(log_probs, lengths)
    nats, tokens = [], []
    sizes = batch.target_lengths
    for b, target in enumerate(batch.targets.split(sizes.tolist())):
        x = batch.inputs[: batch.lengths[b], b : b + 1]
        alone, n = model(x)
        torch.testing.assert_close(log_probs[: int(n), b], alone[:, 0], **EXACT)
        tokens += model.tokens(alone, n)
        nats.append(
            torch.nn.functional.ctc_loss(
                alone, target, n, sizes[b : b + 1], model.blank, reduction="sum"
            )
        )
    assert found == tokens
    assert any(tokens)
    torch.testing.assert_close(together.loss, sum(nats) / batch.targets.numel(), **EXACT)
    assert together.count == int(sizes.sum())
    work_sums = {name: float(value) for name, value in together.sums.items()}
    assert work_sums["words"] == sum(
        len(work.parts["validation"].texts[int(i)].split()) for i in batch.index
    )


def test_the_loss_is_the_probability_of_the_text(folder: Path) -> None:
    """Every alignment of a short recording, summed up by hand."""
    work = task(folder, level="word")
    model = made(work, halvings=2).double()
    frames = torch.from_numpy(work.scale(work.parts["test"].frames[0][:20]))[:, None]
    log_probs, lengths = model(frames)
    assert lengths.tolist() == [5]
    rows = log_probs[:, 0].detach().numpy()
    text = work.vocabulary.encode("do mi").tolist()
    total = -np.inf
    for alignment in product({*text, model.blank}, repeat=5):
        if [t for t, _ in groupby(alignment) if t != model.blank] == text:
            total = np.logaddexp(total, sum(rows[t, k] for t, k in enumerate(alignment)))
    batch = next(iter(work.batches("test")))
    one = type(batch)(inputs=frames, targets=torch.tensor(text), target_lengths=torch.tensor([2]))
    assert 2 * work.step(model, one, None).loss.item() == pytest.approx(-total)


@pytest.fixture(scope="module")
def streaming(folder: Path, learnt) -> list[Transcriber]:
    """The model that has learnt, and three that have not and say anything."""
    work = task(folder)
    shapes = ({"halvings": 0}, {"halvings": 1, "residual": True}, {"halvings": 2, "beam": 3})
    return [learnt[1], *(made(work, **shape) for shape in shapes)]


@settings(
    deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_stream_gives_the_text_of_the_whole(streaming: list[Transcriber], data) -> None:
    x = samples(["re", "do", "do", "fa"], seed=data.draw(st.integers(0, 9)))
    x = x[: data.draw(st.integers(1000, len(x)))]
    cuts = data.draw(st.lists(st.integers(0, len(x)), max_size=12))
    model = data.draw(st.sampled_from(streaming))
    stream = model.stream()
    for piece in np.split(x, sorted(cuts)):
        shown = stream.feed(piece)
        assert shown == stream.text
    assert stream.text == model.predict([x])[0]
    assert stream.text


def test_a_stream_of_single_samples(learnt) -> None:
    model = learnt[1]
    x = samples(["mi", "re"], seed=5)[:3000]
    stream = model.stream()
    for sample in x:
        stream.feed(np.array([sample]))
    assert stream.text == model.predict([x])[0]
    assert stream.text.startswith("mi")


def test_answers_do_not_depend_on_the_company(folder: Path) -> None:
    model = made(task(folder), bidirectional=True, beam=3)
    audio = model.read(folder / "tones.csv")[:6]
    together = model.answers(audio)
    for path, answer in zip(audio, together, strict=True):
        [alone] = model.answers([path])
        assert alone["text"] == answer["text"]
        assert math.isclose(alone["probability"], answer["probability"], rel_tol=1e-4)
    assert model.answers([]) == []


def test_unknown_is_never_said_and_never_right(folder: Path) -> None:
    work = task(folder)
    model = made(work)
    with torch.no_grad():
        model.head.bias[model.vocabulary.unknown] = 50.0
    assert "<unk>" not in model.predict([samples(["do"])])[0]
    (folder / "odd.csv").write_text("audio,text\nwav/tones0.wav,dé\n", encoding="utf-8")
    scored = Transcribe.for_model(model, folder / "odd.csv")
    with torch.no_grad():
        scores = evaluate(model, scored, "test")
    assert scores["WER"] >= 1
    assert math.isfinite(scores["loss"])


def test_speakers_stay_in_one_part(folder: Path) -> None:
    rows = ["audio,text,who"]
    rows += [f"wav/tones{i}.wav,do,s{i % 10}" for i in range(60)]
    (folder / "who.csv").write_text("\n".join(rows))
    work = task(folder, "who.csv", split=None, speaker="who", fractions=(0.6, 0.2, 0.2))
    said = [set(r.manifest.speakers or []) for r in work.parts.values()]
    assert sum(map(len, said)) == len(set.union(*said)) == 10


def test_chinese_by_characters(folder: Path) -> None:
    rows = ["audio,text", *(f"wav/tones{i}.wav,一二{'三' * (i % 2)}" for i in range(60))]
    (folder / "zh.csv").write_text("\n".join(rows), encoding="utf-8")
    work = task(folder, "zh.csv", split=None)
    assert set(work.vocabulary.counted) == {"一", "二", "三"}


def test_reopen_refuses_audio_that_changed(folder: Path, tmp_path: Path) -> None:
    source = write_strings(tmp_path, 10)
    config = json.loads(json.dumps(task(tmp_path).config()))
    assert json.loads(json.dumps(reopen(config).config())) == config
    soundfile.write(tmp_path / "wav/tones3.wav", samples(["do"]), RATE)
    with pytest.raises(LaminaError, match=r"audio of .*tones.csv: has changed since the run began"):
        reopen(config)
    assert source.exists()


def test_another_rate_is_refused_or_resampled(folder: Path) -> None:
    x = np.repeat(samples(["do", "mi"]), 2)
    soundfile.write(folder / "wav/fast.wav", x, 2 * RATE)
    (folder / "fast.csv").write_text(
        "audio,text,part\nwav/tones0.wav,do,train\nwav/fast.wav,do,train\n"
    )
    with pytest.raises(LaminaError, match=r"fast.csv:3: .*fast.wav: got 16000 samples a second"):
        task(folder, "fast.csv")
    assert len(task(folder, "fast.csv", resample=True).parts["train"]) == 2
    assert task(folder, "fast.csv", resample=True, rate=16000).inputs.features.rate == 16000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: task(f).model(halvings=3), "at most one a layer"),
        (lambda f: task(f).model(beam=0), "beam is 0"),
        (lambda f: task(f, step_ms=60.0), None),
        (
            lambda f: task(f, step_ms=60.0).model(halvings=2, depth=2),
            r"tones.csv:\d+: got a text of",
        ),
        (lambda f: task(f, test="x.csv"), "without speaker="),
        (lambda f: task(f, bins=1), "bins is 1"),
        (lambda f: task(f, rate=0), "rate is 0; need 1,000 to 768,000"),
        (lambda f: task(f, split=None, speaker="part", fractions=(0.5, 0.3, 0.2)), None),
        (lambda f: made(task(f), bidirectional=True).stream(), "cannot transcribe a stream"),
        (lambda f: made(task(f)).stream().feed([1]), "got samples list"),
        (lambda f: made(task(f)).stream().feed(np.array([np.nan])), "no finite number"),
        (lambda f: made(task(f)).predict([np.zeros(50)]), "example 1: has 50 samples; need 200"),
        (lambda f: made(task(f)).predict([3]), "got the samples of one recording"),
        (lambda f: made(task(f)).predict("a.wav"), "need a list of audio files"),
        (lambda f: made(task(f)).predict(["no.wav"]), "no.wav: no such file"),
        (lambda f: made(task(f), halvings=2).predict([np.zeros(250)]), "has 1 frame; need 4"),
    ],
)
def test_errors_are_one_line(folder: Path, call, message: str | None) -> None:
    if message is None:
        call(folder)
        return
    with pytest.raises(LaminaError, match=message) as caught:
        call(folder)
    assert "\n" not in str(caught.value)


def test_a_broken_recording_is_named_with_its_line(folder: Path) -> None:
    (folder / "wav/cut.wav").write_bytes((folder / "wav/tones0.wav").read_bytes()[:400])
    (folder / "cut.csv").write_text("audio,text\nwav/tones0.wav,do\nwav/cut.wav,do\n")
    with pytest.raises(LaminaError, match=r"cut.csv:3: .*cut.wav: is cut off"):
        task(folder, "cut.csv", split=None, fractions=(1, 0, 0))
