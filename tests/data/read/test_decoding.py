"""Texts in other encodings than UTF-8: read right and announced, or asked about; never guessed."""

from __future__ import annotations

import codecs
import random
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.data.cache.tokenised import tokenise
from lamina.data.read.decoding import decoded, decoding
from lamina.data.read.detect import NAMES, detect
from lamina.data.read.files import CHUNK, read_decoded, read_text
from lamina.data.read.pairs import read_pair_table, read_pairs, read_sources
from lamina.data.read.registry import SENTENCES, TABLES
from lamina.data.read.text_table import read_text_table
from lamina.spec import LaminaError, LaminaWarning

#: Words of several languages, by the encodings that their texts come in.
WORDS = {
    ("gb18030", "gbk", "gb2312", "utf-16-le"): "这部电影很好看 画面美丽 演员表演出色 故事感人 "
    "我非常喜欢 剧情拖沓 浪费时间 导演失望 质量很差 物流很快 今天天气不错",
    ("big5", "utf-16-be"): "這部電影很好看 畫面美麗 演員表演出色 故事感人 我非常喜歡 劇情拖沓 "
    "浪費時間 導演失望 品質很差 物流很快 今天天氣不錯",
    ("shift_jis", "cp932", "euc_jp"): "この映画はとても面白い 音楽が素晴らしい 演技がひどい "
    "時間の無駄だった 東京は日本の首都です カタカナのテスト 商品がすぐに届いた",
    ("utf-16-be", "utf-16-le"): "यह फिल्म बहुत अच्छी है समय की बर्बादी संगीत सुंदर था",
    ("cp949", "euc_kr"): "이 영화는 정말 재미있다 음악이 훌륭하다 연기가 형편없다 시간 낭비였다",
    ("cp1251", "koi8_r"): "этот фильм очень хороший музыка прекрасная актёры играют плохо "
    "потеря времени отличный товар доставка быстрая",
    ("cp1253",): "αυτή η ταινία είναι πολύ καλή μουσική υπέροχη χάσιμο χρόνου",
    ("latin-1", "cp1252", "mac_roman"): "ce film est très réussi la musique est magnifique les "
    "acteurs jouent à côté déçu par la fin où nous étions été château forêt garçon élève",
    ("latin-1", "cp1252"): "dieser Film ist sehr schön die Musik überzeugt Straße Grüße höflich",
    ("cp1252",): "esta película es muy buena el año que viene niño corazón señor mañana",
    ("cp1250", "iso8859_2"): "ten film jest świetny źle grają żółty gęś śnieg pokój łódź",
}
CASES = [(encoding, words) for encodings, words in WORDS.items() for encoding in encodings]


def texts_of(words: str, count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(words.split(), k=5)) for _ in range(count)]


def read_noting(read: Callable[[], object]) -> tuple[object, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read()
    return found, [str(each.message) for each in caught if each.category is LaminaWarning]


@pytest.mark.parametrize(("encoding", "words"), CASES)
def test_a_table_in_any_common_encoding_is_read_right_and_announced(
    tmp_path: Path, encoding: str, words: str
) -> None:
    texts = texts_of(words, 40)
    path = tmp_path / "t.csv"
    path.write_bytes(("text,label\n" + "".join(f"{t},a\n" for t in texts)).encode(encoding))
    found, notes = read_noting(lambda: read_text_table(path, text="text", label="label").texts)
    assert found == texts
    (note,) = notes
    assert note.startswith(f"{path}: ")
    assert "\n" not in note


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("text\nправда 🙂\n".encode(encoding))
    found, notes = read_noting(lambda: read_text_table(path, text="text", label=None).texts)
    assert found == ["правда 🙂"]
    assert len(notes) == (encoding != "utf-8-sig")


def test_every_reader_of_text_decodes(tmp_path: Path) -> None:
    (chinese,) = (words.split() for names, words in WORDS.items() if "gbk" in names)

    def put(name: str, text: str) -> Path:
        (tmp_path / name).write_bytes(text.encode("gbk"))
        return tmp_path / name

    def words(path: Path) -> list[str]:
        read = SENTENCES.find(path).read
        return [w for s in read(path, word=1, label="2", mask=None) for w in s.words]

    for name, text in {
        "t.csv": "text\n" + "\n".join(chinese),
        "t.tsv": "text\n" + "\n".join(chinese),
        "t.jsonl": "\n".join(f'{{"text": "{word}"}}' for word in chinese),
    }.items():
        assert read_text_table(put(name, text), text="text", label=None).texts == chinese
    assert words(put("t.conll", "\n".join(f"{word} A" for word in chinese))) == chinese
    lines = put("t.txt", "\n".join(chinese))
    assert read_sources(lines) == chinese
    assert read_pairs(lines, lines).targets == chinese
    assert read_pair_table(put("p.txt", "\n".join(f"{w}\t{w}" for w in chinese))).targets == chinese
    assert read_text(lines) == "\n".join(chinese)
    tokens = tokenise(lines, level="char", normalize="none")[0]["train"].tokens
    assert set(tokens) == set("\n".join(chinese))


def test_what_is_uncertain_is_asked_with_the_option(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("text\nкнига\n".encode("cp1251"))
    with pytest.raises(LaminaError, match=r":2: is not UTF-8; could be .*encoding=") as caught:
        read_decoded(path)
    assert "iconv" not in str(caught.value)
    with decoding("cp1251"):
        assert read_text_table(path, text="text", label=None).texts == ["книга"]


def test_utf8_with_a_broken_line_is_no_other_encoding(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    good = "Ça a été, là-bas.\nnaïve Œuvre déjà vue à côté\n".encode()
    path.write_bytes(good + b"caf\xe9\n" + good)
    with pytest.raises(LaminaError, match=r":3: is not UTF-8, though other lines are"):
        read_decoded(path)
    path.write_bytes(good * (2 * CHUNK // len(good)) + b"caf\xe9\n")
    with pytest.raises(LaminaError, match="is not UTF-8, though the file is elsewhere"):
        read_decoded(path)
    path.write_bytes(good[:-1] + "é".encode()[:1])
    with pytest.raises(LaminaError, match=r":2: .*not UTF-8"):
        read_decoded(path)


def test_an_encoding_that_shows_late_is_found(tmp_path: Path) -> None:
    text = "plain\n" * (CHUNK // 6 + 10) + "\n".join(texts_of(CASES[0][1], 20))
    path = tmp_path / "t.txt"
    for encoding in ("gbk", "big5", "shift_jis"):
        words = next(words for name, words in CASES if name == encoding)
        for pad in range(4):  # the chunk may end within a character
            text = "x" * pad + "plain\n" * (CHUNK // 6 - 1) + "\n".join(texts_of(words, 20))
            path.write_bytes(text.encode(encoding))
            assert read_decoded(path) == text


def test_a_named_encoding_is_taken_but_for_what_is_surely_another(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("déjà".encode())
    with decoding("latin-1"):
        found, notes = read_noting(lambda: read_decoded(path))
    assert found == "déjà"
    assert notes == [f"{path}: is UTF-8, and read so, not as latin-1."]
    path.write_bytes("日本".encode("iso2022_jp"))
    with pytest.raises(LaminaError, match="ISO-2022-JP"):
        read_decoded(path)
    with decoding("iso2022_jp"):
        assert read_decoded(path) == "日本"
    path.write_bytes(b"a\n\xe9\n")
    with decoding("ascii"), pytest.raises(LaminaError, match=":2: byte 0xe9 is not ASCII"):
        read_decoded(path)
    for wrong in ("nope", "rot13", "base64", "", "a\0b"):
        with pytest.raises(LaminaError, match="no encoding"), decoding(wrong):
            pass


def test_a_stored_encoding_is_that_of_files_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes("книга".encode("cp1251"))
    with decoding(stored="cp1251") as how:
        assert read_decoded(path) == "книга"
        assert how.used == "cp1251"
    path.write_bytes("книга".encode())
    with decoding(stored="cp1251") as how:
        assert read_decoded(path) == "книга"
        assert how.used is None
    path.write_bytes("这部电影很好看，画面美丽，故事感人，演员表演出色\n我非常喜欢".encode("gbk"))
    with decoding(stored="ascii"), pytest.raises(LaminaError, match="of the training data"):
        read_decoded(path)
    with decoding(stored="utf-16"):  # which would show
        assert read_decoded(path).startswith("这部")


def test_formats_with_an_encoding_of_their_own_take_none(tmp_path: Path) -> None:
    for name in ("t.parquet", "t.arrow"):
        with decoding("gbk"), pytest.raises(LaminaError, match=r"has its own\. Leave encoding out"):
            TABLES.find(tmp_path / name)(tmp_path / name)


def test_what_was_read_from_the_cache_is_announced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "t.txt"
    path.write_bytes(("\n".join(texts_of(CASES[0][1], 1000)) * 200).encode("gbk"))
    for _ in range(2):
        with decoding() as how:
            _, notes = read_noting(lambda: tokenise(path, level="char", normalize="none"))
        assert how.used == "gb18030"
        assert [note.startswith(f"{path}: is not UTF-8; read as GB18030") for note in notes] == [
            True
        ]


@given(st.data())
def test_enough_text_is_never_taken_for_another(data: st.DataObject) -> None:
    encoding, words = data.draw(st.sampled_from(CASES))
    if encoding.startswith("utf"):
        return
    seed = data.draw(st.integers(0, 10_000))
    text = "\n".join(texts_of(words, data.draw(st.integers(5, 50)), seed))
    verdict = detect("\n".join(x for x in text.split("\n") if not x.isascii()).encode(encoding))
    if verdict.certain:
        assert text.encode(encoding).decode(verdict.encodings[0]) == text


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_refused(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = "".join(decoded(lambda: iter([content] if content else []), "stdin"))
        except LaminaError:
            return
    assert "\0" not in text
    if not content.startswith(codecs.BOM_UTF8):
        try:
            assert content.decode() == text
        except UnicodeDecodeError:
            assert text


def test_names_are_encodings_that_keep_low_ascii() -> None:
    for name in NAMES:
        low = bytes(range(0x30))
        assert low.decode(name) == low.decode("ascii")
