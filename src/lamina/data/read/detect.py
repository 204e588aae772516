"""Which encoding a text is in that is not UTF-8.

charset-normalizer ranks the encodings by how likely their texts are in any language; it cannot tell
the European single-byte encodings apart, which differ in a few letters. Those are chosen by the
letters that each language has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Bytes of the sample that an encoding is chosen by.
SAMPLE = 1 << 16
#: What users call the encodings that are looked for. None is ASCII's contradiction: in each of them
#: a byte below 0x30 is the character that it is in ASCII.
NAMES = {
    "gb18030": "GB18030 (GBK, GB2312)",
    "big5hkscs": "Big5",
    "cp932": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "cp949": "EUC-KR (CP949)",
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "cp1252": "Windows-1252 (Latin-1)",
    "cp1250": "Windows-1250",
    "iso8859_2": "ISO-8859-2 (Latin-2)",
    "cp1254": "Windows-1254",
    "cp1257": "Windows-1257",
    "mac_roman": "Mac Roman",
    "cp850": "CP850",
}
_WEST = "àâæçéèêëîïôœùûüÿ äöüß áéíñóúü ãáâàçéêíóõôú àèéìíòóùú åäöéü æøåéóôâ áðéíóúýþæö ëéïöüèê"
_EAST = "ąćęłńóśźż áčďéěíňóřšťúůýž áäčďéíĺľňóôŕšťúýž áéíóöőúüű ăâîşţșț čćđšž čšž"  # Latin-2
#: The letters beyond ASCII of the languages that each European encoding is for.
_LETTERS = {
    "cp1252": _WEST,
    "cp1250": _EAST,
    "iso8859_2": _EAST,
    "cp1254": "âçğıiîöşü̇",
    "cp1257": "ąčęėįšųūž āčēģīķļņšūž äõöüšž",
    "mac_roman": _WEST,
    "cp850": _WEST,
}
#: What three quarters of the letters beyond ASCII are in a text that the encoding is for.
_HAN = "\u3400-\u9fff"
_SCRIPTS = {
    "gb18030": _HAN,
    "big5hkscs": _HAN,
    "cp932": f"\u3040-\u30ff{_HAN}",  # but no half-width kana, which is what KOI8-R looks like
    "euc_jp": f"\u3040-\u30ff{_HAN}",
    "cp949": "\uac00-\ud7a3",
    "cp1251": "\u0400-\u04ff",
    "koi8_r": "\u0400-\u04ff",
    "cp1253": "\u0370-\u03ff",
    "cp1255": "\u0590-\u05ff",
    "cp1256": "\u0600-\u06ff",
}
_ALPHABETS = frozenset({"cp1251", "koi8_r", "cp1253", "cp1255", "cp1256"})
_WORD, _ASCII = re.compile(r"[^\W\d_]+"), re.compile("[A-Za-z]")
#: Signs that may stand beside letters in any language.
_SIGNS = frozenset("’‘‚“”„«»‹›–—…€£¥§°•·¡¿ºª™®©´\xa0\xad")
#: How far ahead of the next the best has to be: to be read, and to be read without a doubt.
_ENOUGH, _CLEAR = 2, 10
#: So few bytes beyond ASCII are read only without a doubt.
_SHORT = 32
#: What a text in capitals is set back by: KOI8-R and Windows-1251 are each other's.
_CAPITALS = 5


@dataclass(frozen=True)
class Verdict:
    """What a text seems to be.

    Attributes:
        encodings: Python's names, the likeliest first. None if nothing is likely.
        certain: Whether the first is good enough to read by.
        clear: Whether no other is likely.
    """

    encodings: tuple[str, ...]
    certain: bool
    clear: bool


def names(encodings: Iterable[str]) -> str:
    """The encodings as users call them, for a message."""
    return " or ".join(NAMES.get(encoding, encoding) for encoding in encodings)


def detect(sample: bytes) -> Verdict:
    """The encoding of ``sample``: whole lines with bytes above 127, at most about :data:`SAMPLE`.

    It must not be UTF-8, nor UTF-16 or UTF-32.
    """
    ranked = _ranked(sample)
    if not ranked:
        latin = _by_letters(sample)
        return Verdict(tuple(name for _, name in latin), False, False)
    best = ranked[0][1]
    others = [name for score, name in ranked[1:] if score < ranked[0][0] + _CLEAR]
    lead = ranked[1][0] - ranked[0][0] if len(ranked) > 1 else _CLEAR
    if best not in _LETTERS:
        enough = _ENOUGH if sum(byte > 127 for byte in sample) > _SHORT else _CLEAR
        return Verdict((best, *others), lead >= enough, lead >= _CLEAR)
    latin = _by_letters(sample)
    (known, best), *rest = latin
    text = sample.decode(best)
    close = [name for share, name in rest if known - share < 0.1 and text != _text(sample, name)]
    others = [name for name in others if name not in _LETTERS]
    sure = known >= 0.75 and (len(ranked) == 1 or lead >= _ENOUGH or not others)
    return Verdict((best, *close, *others), sure, sure and not close and not others)


def _ranked(sample: bytes) -> list[tuple[float, str]]:
    """The encodings that charset-normalizer finds likely, the best first, with a penalty for each;
    the European single-byte ones, which it cannot tell apart, are one."""
    from charset_normalizer import from_bytes  # late: few files need it

    matches = from_bytes(
        sample,
        steps=32,
        cp_isolation=[*NAMES],
        threshold=0.3,
        preemptive_behaviour=False,
        enable_fallback=False,
    )
    found: dict[str, float] = {}
    for match in matches:
        name = match.encoding
        text = str(match)
        for each in (name, *(other.encoding for other in match.submatch)):
            if not _in_script(text, each):
                continue
            score = match.percent_chaos - match.percent_coherence / 2 + _CAPITALS * _shouted(text)
            key = "cp1252" if each in _LETTERS else each
            found[key] = min(score, found.get(key, score))
    return sorted((score, name) for name, score in found.items())


def _in_script(text: str, encoding: str) -> bool:
    """Whether the text is mostly in the script that the encoding is for."""
    if encoding not in _SCRIPTS:
        return True
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    # An alphabet other than Latin shares no word with it.
    if encoding in _ALPHABETS and 2 * sum(bool(_ASCII.search(w)) for w in words) > len(words):
        return False
    letters = [c for word in words for c in word if ord(c) > 127]
    return len(re.findall(f"[{_SCRIPTS[encoding]}]", text)) >= 0.75 * len(letters) > 0


def _shouted(text: str) -> bool:
    """Whether most letters beyond ASCII are capitals."""
    beyond = [c for c in text if ord(c) > 127]
    return sum(map(str.isupper, beyond)) > sum(map(str.islower, beyond))


def _by_letters(sample: bytes) -> list[tuple[float, str]]:
    """The European single-byte encodings, the best first: the share of the letters (and signs) in
    the sample that one language has, or almost as good, that all of its languages have."""
    found = []
    for encoding, alphabets in _LETTERS.items():
        text = _text(sample, encoding)
        beyond = [] if text is None else [c for c in text.lower() if ord(c) > 127]
        letters = [c for c in beyond if c not in _SIGNS]
        shares = [
            *(_share(letters, alphabet) for alphabet in alphabets.split()),
            _share(letters, alphabets) - 0.1,
        ]
        found.append((0.0 if text is None else max(shares), encoding))
    return sorted(found, key=lambda item: -item[0])  # stable: the more common first


def _share(letters: list[str], alphabet: str) -> float:
    return sum(c in alphabet for c in letters) / len(letters) if letters else 1.0


def _text(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except UnicodeDecodeError:
        return None
