"""The report: one file, offline, escaped, for every kind of verdict."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from rich.console import Console

from lamina.depth.job import Job
from lamina.depth.tell import charts
from lamina.depth.tell.report import render, write_report
from lamina.depth.tell.table import show
from lamina.depth.tell.verdict import load, save
from lamina.spec import ACCURACY, PERPLEXITY, LaminaError, Metric
from lamina.tasks.scores.error_rates import WORD_ERROR_RATE
from verdict_maker import make_verdict

NAN = math.nan
USE = {1: [0.881, 0.884, 0.879], 2: [0.904, 0.907, 0.905], 3: [0.906, 0.904, 0.907]}
CASES = {
    "use": make_verdict(USE),
    "undecided": make_verdict({1: [0.881, 0.884, 0.879], 2: [0.888, 0.893, 0.884]}),
    "unstable": make_verdict({1: [0.88, 0.884], 2: [0.9, NAN]}),
    "none": make_verdict({1: [NAN, NAN], 2: [NAN, NAN]}),
    "one seed": make_verdict({1: [0.88], 2: [0.9]}),
    "one depth": make_verdict({2: [0.88, 0.881]}),
    "perplexity": make_verdict({1: [7.1, 7.2], 2: [6.5, 6.6]}, metric=PERPLEXITY),
}


class Page(HTMLParser):
    """Collects what a browser would fetch, the visible text, and whether tags are balanced."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self, text: str):
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.metas: list[dict] = []
        self.lang = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.fetched += [v for k, v in attrs if k in ("src", "href", "srcset", "action") and v]
        if tag == "html":
            self.lang = values.get("lang")
        if tag == "meta":
            self.metas.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


def specs(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="specs">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


@pytest.mark.parametrize("name", CASES)
def test_the_page_is_whole_small_and_offline(name):
    text = render(CASES[name])
    page = Page(text)
    assert len(text.encode()) < 2_000_000
    assert page.open == []
    assert page.fetched == []
    assert "@import" not in text.split("<script")[0]
    assert "url(" not in text.split("<script")[0]
    assert page.lang == "en"
    assert any(meta.get("name") == "viewport" for meta in page.metas)
    visible = " ".join(" ".join(page.text).split())
    assert CASES[name].headline in visible
    assert "nan" not in visible.lower()
    assert "{{" not in visible
    assert "{%" not in visible


def rows(chart: dict, layer: int) -> list[dict]:
    """The data of a layer, counted from the end or the start."""
    data = chart["layer"][layer].get("data") or chart["data"]  # one shared by all layers
    return chart["datasets"][data["name"]]


@pytest.mark.parametrize("name", CASES)
def test_every_chart_has_a_place_and_data(name):
    text = render(CASES[name])
    charts = specs(text)
    assert set(charts) == {"scores", "curves", "time", "memory", "parameters"}
    assert all(f'id="{place}"' in text for place in charts)
    trials = CASES[name].trials
    assert len(rows(charts["scores"], -3)) == sum(not trial.diverged for trial in trials)
    assert len(rows(charts["curves"], 0)) == sum(len(trial.curve) for trial in trials)
    assert len(rows(charts["time"], 0)) == len(CASES[name].candidates)


def test_the_bundle_is_there_once_and_cannot_end_its_script():
    text = render(CASES["use"])
    assert text.count("window.vegaEmbed") == 1
    assert text.lower().count("</script") == 2  # the specifications and the program


def test_what_the_user_gave_is_escaped():
    evil = '</script><script>alert("x")</script><img src=x onerror=alert(1)> & "quoted"'
    text = render(make_verdict(USE, source=evil))
    assert "<img src=x" not in text
    assert '<script>alert("x")' not in text
    page = Page(text)
    assert page.fetched == []
    assert evil in " ".join(page.text)


def test_the_command_is_given_escaped_and_the_configuration_is_then_folded():
    text = render(CASES["use"], "lamina depth classify 'a<b>.csv'")
    assert "'a<b>.csv'" in " ".join(Page(text).text)
    assert "<b>" not in text.split("<script")[0]
    assert "<details>" in text
    assert "<details open>" in render(CASES["use"])


def test_a_metric_with_a_hostile_name_stays_inside_its_json():
    evil = Metric("</script><b>", higher_is_better=True, gain="points")
    text = render(make_verdict(USE, metric=evil))
    assert "</script><b>" not in text
    assert specs(text)["scores"]["layer"]
    assert "</script><b>, %" in json.dumps(specs(text))


def test_the_band_starts_at_the_chosen_depth_and_is_one_margin_high():
    (band,) = rows(specs(render(CASES["use"]))["scores"], 0)
    mean = 100 * (0.904 + 0.907 + 0.905) / 3
    assert band["start"] == pytest.approx(mean)
    assert band["edge"] == pytest.approx(mean + 1)
    (low,) = rows(specs(render(CASES["perplexity"]))["scores"], 0)
    assert low["edge"] == pytest.approx(0.99 * low["start"])


@pytest.mark.parametrize(("baseline", "drawn"), [(0.86, True), (0.5, False), (None, False)])
def test_the_score_without_a_network_is_drawn_where_it_is_near(baseline, drawn):
    text = render(make_verdict(USE, baseline=baseline))
    assert ("blind" in json.dumps(specs(text)["scores"])) == drawn
    assert ("The score without a network" in text) == (baseline is not None)


def test_the_file_is_written_from_a_verdict_that_was_read(tmp_path):
    save(CASES["unstable"], tmp_path / "verdict.json")
    verdict = load(tmp_path / "verdict.json")
    assert verdict == CASES["unstable"]
    write_report(verdict, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render(verdict)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "verdict.json"]


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"format": 1}'])
def test_a_broken_verdict_is_refused(tmp_path, text):
    file = tmp_path / "verdict.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(LaminaError) as error:
        load(file)
    assert error.value.place == str(file)


def test_a_verdict_of_another_version_is_refused(tmp_path):
    save(msgspec.structs.replace(CASES["use"], format=99), tmp_path / "verdict.json")
    with pytest.raises(LaminaError, match="format 99"):
        load(tmp_path / "verdict.json")


@pytest.mark.parametrize(
    ("metric", "values", "title", "ends"),
    [
        (ACCURACY, {1: [0.2, 0.9], 2: [0.1, 0.95]}, "accuracy, %", (0, 100)),
        (WORD_ERROR_RATE, {1: [1.0, 1.7], 2: [0.1, 1.9]}, "WER, % (lower is better)", (0, None)),
        (PERPLEXITY, {1: [7.1, 7.2], 2: [6.5, 6.6]}, "perplexity (lower is better)", (0, None)),
    ],
)
def test_charts_say_what_is_better_and_show_nothing_impossible(metric, values, title, ends):
    verdict = make_verdict(values, metric=metric)
    assert (f"Lower {metric.name} is better." in render(verdict)) != metric.higher_is_better
    chart = json.dumps(specs(render(verdict))["scores"])
    assert title in chart
    found = re.findall(r'"(?:low|high)": ([-\d.e+]+)', chart)
    assert len(found) == 4
    for end in map(float, found):
        assert end >= ends[0]
        assert ends[1] is None or end <= ends[1]


def together(verdict):
    """The same from trainings of all depths at once, as of strategy exits."""
    seeds = {t.seed: [o for o in verdict.trials if o.seed == t.seed] for t in verdict.trials}
    trials = tuple(
        msgspec.structs.replace(
            best := max(of_seed, key=lambda t: t.value),
            job=Job(depth=3, seed=seed, kind="exits"),
            value=best.value,
            values=tuple((t.depth, t.value) for t in of_seed),
            curves=tuple((t.depth, t.curve) for t in of_seed),
        )
        for seed, of_seed in seeds.items()
    )
    return msgspec.structs.replace(verdict, trials=trials)


def test_depths_that_were_trained_together_are_shown_each_at_its_own():
    alone, every = CASES["use"], together(CASES["use"])
    assert len(every.trials) == 3

    def data(verdict, name):
        sets = specs(render(verdict))[name]["datasets"].values()
        return sorted(json.dumps(sorted(rows, key=json.dumps)) for rows in map(list, sets))

    for name in ("scores", "curves"):
        assert data(every, name) == data(alone, name)

    def told(verdict):  # but for what was trained
        text = re.sub(r'<table class="trained">.*?</table>', "", render(verdict), flags=re.S)
        return Page(text).text

    assert told(every) == told(alone)
    tables = []
    for verdict in (every, alone):
        console = Console(width=80)
        with console.capture() as capture:
            console.print(show(verdict))
        tables.append(capture.get())
    assert tables[0] == tables[1]


def test_a_training_that_was_left_at_a_pause_is_a_curve_and_no_dot():
    verdict = CASES["use"]
    left = msgspec.structs.replace(
        verdict.trials[-1], job=Job(depth=3, seed=7, epochs=2), curve=verdict.trials[-1].curve[:2]
    )
    screened = msgspec.structs.replace(verdict, tried=(left,))
    drawn = specs(render(screened))
    assert '"seed": 7' in json.dumps(drawn["curves"])
    assert '"seed": 7' not in json.dumps(drawn["scores"])


def lightness(colour: str) -> float:
    """CIE L* of ``#rrggbb``."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    y = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def test_colours_of_neighbours_differ_on_grey_paper_too():
    for count in range(2, 6):
        grey = [lightness(colour) for colour in charts.colours(count)]
        assert all(a - b >= 10 for a, b in pairwise(grey)), grey
    assert len(set(charts.colours(12))) == 12
    assert len(charts.colours(1)) == 1


def test_names_of_lines_keep_a_distance_and_their_order():
    rows = [
        {"depth": d, "epoch": e, "score": s}
        for d, last in ((1, 0.2), (2, 0.99), (3, 0.991), (4, 0.99))
        for e, s in ((4, last), (1, 0.0))
    ]
    ends = charts._line_ends(rows, 0.0, 1.0, False)
    assert sorted(row["depth"] for row in ends) == [1, 2, 3, 4]
    assert all(row["epoch"] == 4 for row in ends)
    assert ends[0] == {"depth": 1, "epoch": 4, "score": 0.2}
    assert ends[-1]["depth"] == 3
    scores = [row["score"] for row in ends]
    assert all(b - a >= 0.049 for a, b in pairwise(scores))
    assert scores[-1] <= 1.0 + 1e-9
    assert charts._line_ends([], 0.0, 1.0, True) == []


def test_the_report_tells_what_was_trained_and_for_what():
    base = make_verdict(USE)
    early = msgspec.structs.replace(
        base.trials[0], job=Job(depth=4, seed=0, epochs=2), epochs=2, seconds=7.0
    )
    gone_on = msgspec.structs.replace(base.trials[0], job=Job(depth=1, seed=0, epochs=2), epochs=2)
    chosen = msgspec.structs.replace(
        base.trials[0], job=Job(depth=2, seed=10_000, changes=(("lr", 0.1),)), seconds=9.0
    )
    learned = msgspec.structs.replace(
        base.trials[0],
        job=Job(depth=3, seed=0, kind="relax"),
        shares=((1, 0.25), (2, 0.75)),
        seconds=11.0,
    )
    verdict = msgspec.structs.replace(
        base,
        tried=(early, gone_on, chosen, learned),
        surer=("At half the risk the answer is the same.",),
        wall_seconds=120.0,
        expected_wall_seconds=90.0,
    )
    text = render(verdict)
    rows = re.findall(r"<tr>((?:<td>[^<]*</td>){5})</tr>", text)
    cells = [re.findall(r"<td>([^<]*)</td>", row) for row in rows]
    assert cells == [
        ["1 layer, alone", "the verdict", "3", "4", "9 s"],  # one paused on its way: once
        ["2 layers, alone", "the verdict", "3", "4", "18 s"],
        ["3 layers, alone", "the verdict", "3", "4", "27 s"],
        ["2 layers, alone", "a choice of settings", "1", "4", "9 s"],
        ["a choice among depths up to 3 layers", "a proposal", "1", "4", "11 s"],
        ["4 layers, alone", "a first look", "1", "2", "7 s"],
    ]
    assert "Weights of the depths at the end, means over seeds: 1: 0.25, 2: 0.75." in text
    assert "took 2 min; the estimate was 2 min" in text
    assert "At half the risk the answer is the same." in text


def test_a_run_of_a_kind_that_this_process_lacks_is_named():
    base = make_verdict(USE)
    other = msgspec.structs.replace(base.trials[0], job=Job(depth=2, seed=0, kind="prune"))
    text = render(msgspec.structs.replace(base, tried=(other,)))
    assert "<td>prune, 2 layers</td><td>comparison</td>" in re.sub(r">\s+<", "><", text)
