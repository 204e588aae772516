import pytest
import torch

from lamina.spec import LaminaError, Model
from lamina.store import FORMAT, RunFolder


class Tiny(Model):
    task = "tiny"

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(3.0))
        self.text = "[1, 2]\n"

    def config(self):
        return {"sizes": (3, 4), "by_number": {2: "b", 10: "a"}}

    def assets(self):
        return {"vocabulary.json": self.text}


@pytest.fixture
def run(tmp_path):
    run = RunFolder.create(tmp_path / "deep" / "run")
    run.write_config({"task": {"name": "tiny"}, "model": Tiny().config()})
    run.save_model(Tiny())
    return run


def test_model_files_round_trip(run):
    config, assets, tensors = RunFolder.open(run.path).load_model_files()
    assert config["format"] == FORMAT
    assert config["model"] == {"sizes": [3, 4], "by_number": {"2": "b", "10": "a"}}
    assert assets == {"vocabulary.json": "[1, 2]\n"}
    assert torch.equal(tensors["weight"], torch.arange(3.0))


def test_create_takes_only_what_is_free(tmp_path, run):
    RunFolder.create(tmp_path / "new")
    RunFolder.create(tmp_path / "new")  # still empty
    with pytest.raises(LaminaError, match="already holds a run"):
        RunFolder.create(run.path)
    (tmp_path / "new" / "mine.txt").write_text("x")
    with pytest.raises(LaminaError, match=r"not empty and not a run \(it holds 'mine.txt'\)"):
        RunFolder.create(tmp_path / "new")
    with pytest.raises(LaminaError, match="cannot become a run folder"):
        RunFolder.create(tmp_path / "new" / "mine.txt")


def test_what_a_killed_process_left_does_not_count(tmp_path):
    (tmp_path / ".config.json.123.tmp").write_text("{")
    RunFolder.create(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_open_refuses_what_is_no_run(tmp_path, run):
    with pytest.raises(LaminaError, match="no such folder"):
        RunFolder.open(tmp_path / "missing")
    with pytest.raises(LaminaError, match=r"not a run folder \(no config\.json\)"):
        RunFolder.open(tmp_path)
    with pytest.raises(LaminaError, match="no such folder"):
        RunFolder(tmp_path / "missing").load_model_files()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "holds a list"),
        ("{}", "has format None"),
        ('{"format": 99, "task": {}, "model": {}}', "has format 99; this lamina reads format 1"),
        ('{"format": 99, "versions": {"lamina": "9.1"}}', "format 99, written by lamina 9.1;"),
        ('{"format": 1, "task": {}, "model": 3}', "has no 'model' object"),
        ('{"format": 1, "model": {}}', "has no 'task' object"),
    ],
)
def test_bad_config(run, text, message):
    run.config_file.write_text(text)
    with pytest.raises(LaminaError, match=message) as caught:
        RunFolder.open(run.path)
    assert caught.value.place == str(run.config_file)
    assert "\n" not in str(caught.value)


def test_not_utf8(run):
    run.config_file.write_bytes(b"\xff{}")
    with pytest.raises(LaminaError, match="UTF-8"):
        run.config()
    run.history_file.write_bytes(b"\xff\n")
    with pytest.raises(LaminaError, match="UTF-8"):
        run.history()


def test_files_that_do_not_belong_together(run):
    config = run.config_file.read_text()
    run.config_file.write_text(config.replace("4", "5"))
    with pytest.raises(LaminaError, match=r"config.json: was changed after training"):
        run.load_model_files()
    run.config_file.write_text(config)
    (run.path / "vocabulary.json").write_text("[2, 1]\n")
    with pytest.raises(LaminaError, match=r"vocabulary.json: was changed after training"):
        run.load_model_files()
    (run.path / "vocabulary.json").unlink()
    with pytest.raises(LaminaError, match=r"vocabulary.json: cannot be read"):
        run.load_model_files()


def test_no_weights_yet(run):
    run.weights_file.unlink()
    with pytest.raises(LaminaError, match=r"no weights\.safetensors yet"):
        run.load_model_files()


@pytest.mark.parametrize("name", ["../a", "a/b", "", ".hidden", "..", "a\\b"])
def test_assets_stay_in_the_folder(run, name):
    model = Tiny()
    model.assets = lambda: {name: "x"}
    with pytest.raises(LaminaError, match="plain file name"):
        run.save_model(model)


def test_history_and_result(run):
    assert run.history() == []
    assert run.result() is None
    run.append_history({"epoch": 1})
    run.append_history({"epoch": 2})
    with open(run.history_file, "a") as file:
        file.write('{"epoch": 3, "lo')
    assert [line["epoch"] for line in run.history()] == [1, 2]
    run.write_history([{"epoch": 1}])
    assert run.history() == [{"epoch": 1}]
    run.history_file.write_text('{"epoch": 1}\nnonsense\n')
    with pytest.raises(LaminaError, match=r"history.jsonl:2: is not valid JSON"):
        run.history()
    run.write_result({"stopped": "epochs"})
    assert run.result() == {"stopped": "epochs"}
    run.result_file.write_text("{")
    with pytest.raises(LaminaError, match="not valid JSON"):
        run.result()
