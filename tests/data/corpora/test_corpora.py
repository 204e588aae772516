"""Named corpora: found, or fetched whole and right, or an error; never a wrong or a half file."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from lamina.data import CORPORA, Corpus, CorpusFile, corpus_table, digits, find
from lamina.spec import LaminaError

CONTENT = b"all work and no play\n" * 1000
FILE = CorpusFile("play.txt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Server(ThreadingHTTPServer):
    """What a server can do, good and bad, by the folder that is asked for."""

    asked: list[str]
    both: threading.Barrier
    heard: threading.Event


class Handler(BaseHTTPRequestHandler):
    server: Server  # type: ignore[assignment]

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        folder = self.path.split("/")[1]
        if folder == "absent":
            self.send_error(404)
            return
        if folder == "moved":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        if folder == "together":
            self.server.both.wait(timeout=30)
        if folder == "silent":
            self.server.heard.wait(timeout=30)
            return
        body = {"wrong": CONTENT[::-1], "long": CONTENT + b"x"}.get(folder, CONTENT)
        if folder == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                for _ in range(10_000):
                    self.wfile.write(body)
            except OSError:
                self.server.asked.append("gave up")
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if folder == "cut" else body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.both = threading.Barrier(2)
        server.heard = threading.Event()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.heard.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def one_corpus(monkeypatch):
    corpus = Corpus("a play", "free", "plays", {"text": FILE}, "the library")
    monkeypatch.setattr("lamina.data.corpora.files.CORPORA", {"play": corpus})
    monkeypatch.delenv("LAMINA_DATA", raising=False)


def address(server: Server, folder: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{folder}"


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_good_file_is_fetched_once(server, tmp_path):
    found = find("play", cache=tmp_path, url=address(server, "good"))
    assert found == {"text": tmp_path / "corpora" / "plays" / "play.txt"}
    assert found["text"].read_bytes() == CONTENT
    assert find("play", cache=tmp_path, url=address(server, "good/")) == found
    assert server.asked == ["/good/play.txt"]
    assert files(tmp_path) == ["play.txt"]


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("wrong", "SHA-256"),
        ("long", "more bytes"),
        ("endless", "more bytes"),
        ("cut", f"got {len(CONTENT) // 2:,} bytes"),
        ("absent", "404"),
        ("moved", "302"),
    ],
)
def test_a_wrong_file_is_refused_and_not_kept(server, tmp_path, folder, words):
    with pytest.raises(LaminaError) as caught:
        find("play", cache=tmp_path, url=address(server, folder))
    assert words in caught.value.message
    assert caught.value.place == address(server, folder) + "/play.txt"
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


def test_a_server_that_is_silent(server, tmp_path, monkeypatch):
    monkeypatch.setattr("lamina.data.corpora.download.TIMEOUT_SECONDS", 0.2)
    with pytest.raises(LaminaError, match="broke off"):
        find("play", cache=tmp_path, url=address(server, "silent"))
    assert files(tmp_path) == []


def test_a_server_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as nobody:  # bound, but it does not listen
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(LaminaError, match="cannot be reached"):
            find("play", cache=tmp_path, url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert files(tmp_path) == []


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/a", "/etc", "http://[", "http://a b"])
def test_addresses_that_are_none(tmp_path, url):
    with pytest.raises(LaminaError):
        find("play", cache=tmp_path, url=url)


def test_two_at_once_both_get_the_whole_file(server, tmp_path):
    def fetch(_: int) -> bytes:
        return find("play", cache=tmp_path, url=address(server, "together"))["text"].read_bytes()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(fetch, range(2))) == [CONTENT, CONTENT]
    assert server.asked == ["/together/play.txt"] * 2
    assert files(tmp_path) == ["play.txt"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    path = find("play", cache=tmp_path, url=address(server, "good"))["text"]
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(LaminaError):
        find("play", cache=tmp_path, url=address(server, "wrong"))
    assert path.read_bytes() == CONTENT[:-1]
    find("play", cache=tmp_path, url=address(server, "good"))
    assert path.read_bytes() == CONTENT


def test_a_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LaminaError, match="LAMINA_CACHE"):
        find("play", cache=tmp_path / "file", url=address(server, "good"))


def test_where_the_cache_is(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    path = find("play", url=address(server, "good"))["text"]
    assert path == tmp_path / "xdg" / "lamina" / "corpora" / "plays" / "play.txt"
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "own"))
    path = find("play", url=address(server, "good"))["text"]
    assert path == tmp_path / "own" / "corpora" / "plays" / "play.txt"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_users_folder_comes_first_and_is_checked(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("LAMINA_DATA", str(tmp_path))
    own = tmp_path / "plays" / f"play.txt{suffix}"
    own.parent.mkdir()
    pack = gzip.compress if suffix else bytes
    own.write_bytes(pack(CONTENT))
    assert find("play", cache=tmp_path / "none") == {"text": own}
    for wrong in (pack(CONTENT + b"x"), pack(CONTENT[:-1]), pack(CONTENT)[:-9]):
        own.write_bytes(wrong)
        with pytest.raises(LaminaError, match="not the play") as caught:
            find("play", cache=tmp_path / "none")
        assert caught.value.place == str(own)


def test_a_corpus_that_cannot_be_fetched_says_where_to_get_it(tmp_path):
    with pytest.raises(LaminaError, match=r"the library.*play\.txt.*'plays'.*LAMINA_DATA"):
        find("play", cache=tmp_path)


def test_an_unknown_name():
    with pytest.raises(LaminaError, match="Did you mean 'play'"):
        find("plays")


def test_what_is_known_is_complete():
    texts = {"timemachine", "tinyshakespeare", "wikitext2", "imdb", "trec", "names"}
    tagged = {"conll2003", "wnut17", "ud_english_ewt", "protein_ss3"}
    assert texts | tagged | {"multi30k", "fra_eng", "etth1"} == set(CORPORA)
    for corpus in CORPORA.values():
        assert corpus.about
        assert corpus.licence
        assert corpus.source
        for file in corpus.files.values():
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size_bytes > 0
            assert file.url is None or file.url.startswith("http")


def test_reviews_of_imdb(tmp_path, monkeypatch):
    content = b'{"id": 1, "label": 0, "rating": 2, "text": "Bad.<br />Very."}\n'
    user_corpus(monkeypatch, tmp_path, "imdb", "test", content, "file.jsonl")
    table = corpus_table("imdb", "test")
    assert (table.texts, table.labels) == (["Bad.\nVery."], ["0"])


def user_corpus(
    monkeypatch, folder: Path, name: str, role: str, content: bytes, own: str = "file.txt"
) -> None:
    file = CorpusFile(own, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(
        "lamina.data.corpora.files.CORPORA", {name: Corpus("a", "b", "c", {role: file}, "d")}
    )
    monkeypatch.setenv("LAMINA_DATA", str(folder))
    (folder / "c").mkdir()
    (folder / "c" / own).write_bytes(content)


def test_questions_of_trec(tmp_path, monkeypatch):
    content = b"DESC:manner How so : why ?\nLOC:city Where is caf\xe9 ?\n"
    user_corpus(monkeypatch, tmp_path, "trec", "train", content)
    table = corpus_table("trec")
    assert table.texts == ["How so : why ?", "Where is café ?"]
    assert table.labels == ["DESC", "LOC"]
    assert [place.rsplit(":", 1)[1] for place in table.places] == ["1", "2"]


def test_names_by_language(tmp_path, monkeypatch):
    user_corpus(monkeypatch, tmp_path, "names", "table", "Irish\tO'Neal\nCzech\tŠpaček\n".encode())
    table = corpus_table("names", "table")
    assert (table.texts, table.labels) == (["O'Neal", "Špaček"], ["Irish", "Czech"])
    with pytest.raises(LaminaError, match="no 'train'; it has table"):
        corpus_table("names")
    with pytest.raises(LaminaError, match="the tables are imdb, trec, names"):
        corpus_table("timemachine")


def test_digits():
    pytest.importorskip("sklearn")
    table = digits()
    assert len(table.sequences) == len(table.labels) == len(set(table.ids)) == 1797
    assert all(s.shape == (8, 8) and s.dtype == np.float32 for s in table.sequences)
    assert set(table.labels) == set("0123456789")
    assert np.max(table.sequences) == 1
    assert len(table.features) == 8


def test_digits_without_scikit_learn_name_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LaminaError, match=r"lamina\[demo\]"):
        digits()
