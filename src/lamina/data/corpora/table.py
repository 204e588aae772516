"""Corpora known by name: what each is, what may be done with it, and what its files must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus. ``size_bytes`` and ``sha256`` are those of the unpacked content, so
    that a copy stored as ``name + ".gz"`` is as good. ``url`` is where it can be fetched."""

    name: str
    size_bytes: int
    sha256: str
    url: str | None = None


@dataclass(frozen=True)
class Corpus:
    """What is known about a corpus.

    about:   what it is.
    licence: what the origin says; read it before you publish anything made from the text.
    folder:  its folder under ``$LAMINA_DATA`` and in the cache.
    files:   by role: ``text``, or ``train``, ``validation``, ``test``; ``pairs``, or
             ``train.en``, ... of translations.
    source:  where to get it when lamina does not fetch it.
    """

    about: str
    licence: str
    folder: str
    files: Mapping[str, CorpusFile]
    source: str


_PYTORCH_EXAMPLES = (
    "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2"
)
_TREC = "https://cogcomp.seas.upenn.edu/Data/QA/QC"

CORPORA: Mapping[str, Corpus] = {
    "timemachine": Corpus(
        about="H. G. Wells, The Time Machine (1895), as the book Dive into Deep Learning uses it",
        licence="public domain",
        folder="timemachine",
        files={
            "text": CorpusFile(
                "timemachine.txt",
                178_979,
                "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
                "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
            )
        },
        source="https://d2l.ai",
    ),
    "tinyshakespeare": Corpus(
        about="40,000 lines of Shakespeare's plays, for models of characters",
        licence="public domain",
        folder="tinyshakespeare",
        files={
            "text": CorpusFile(
                "input.txt",
                1_115_394,
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            )
        },
        source="https://github.com/karpathy/char-rnn",
    ),
    "wikitext2": Corpus(
        about="WikiText-2 (Merity et al. 2016): Wikipedia articles, words separated by spaces",
        licence="CC BY-SA 3.0",
        folder="wikitext2",
        files={
            "train": CorpusFile(
                "wiki.train.tokens",
                10_797_148,
                "9e9fa1ad55b1c2c95b08e37dd8e653f638fac2c6de904b79e813611eefbc985f",
                f"{_PYTORCH_EXAMPLES}/train.txt",
            ),
            "validation": CorpusFile(
                "wiki.valid.tokens",
                1_121_681,
                "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
                f"{_PYTORCH_EXAMPLES}/valid.txt",
            ),
            "test": CorpusFile(
                "wiki.test.tokens",
                1_256_449,
                "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
                f"{_PYTORCH_EXAMPLES}/test.txt",
            ),
        },
        source="https://github.com/pytorch/examples",
    ),
    "imdb": Corpus(
        about="Large Movie Review Dataset v1.0 (Maas et al. 2011): 50,000 film reviews, label 0 "
        "or 1, as JSON lines with id, label, rating and text",
        licence="none stated: the texts belong to their writers; do not publish them",
        folder="imdb",
        files={
            "train": CorpusFile(
                "train.jsonl",
                34_456_238,
                "22c931623e67f3bdcd9935d0f5b568164a104a1bae7e7451e870d4257788cc66",
            ),
            "test": CorpusFile(
                "test.jsonl",
                33_674_569,
                "bde59eb478b67f8646a76a95df08894faacb9eafa38ab43300f53ff33baae0a5",
            ),
        },
        source="https://ai.stanford.edu/~amaas/data/sentiment (50,000 single files; write them as "
        "JSON lines, the negative reviews first, each in the order of their ids)",
    ),
    "trec": Corpus(
        about="TREC question types (Li and Roth 2002): COARSE:fine question, in windows-1252",
        licence="none stated",
        folder="trec_questions",
        files={
            "train": CorpusFile(
                "TREC.train",
                335_858,
                "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
                f"{_TREC}/train_5500.label",
            ),
            "test": CorpusFile(
                "TREC.test",
                23_354,
                "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
                f"{_TREC}/TREC_10.label",
            ),
        },
        source="https://cogcomp.seas.upenn.edu/Data/QA/QC",
    ),
    "names": Corpus(
        about="20,050 surnames of 18 languages: language, tab, name",
        licence="MIT",
        folder="names",
        files={
            "table": CorpusFile(
                "names.tsv",
                319_605,
                "d846a22065ce58ec565b49163dd9e0ff7e236286ef50db4cffcae292305d1695",
            )
        },
        source="https://github.com/spro/practical-pytorch (18 files; write them as one, each name "
        "behind its language and a tab)",
    ),
    "etth1": Corpus(
        about="ETTh1 (Zhou et al. 2021): oil temperature and six loads of a transformer, hourly "
        "from July 2016 to June 2018",
        licence="CC BY-ND 4.0",
        folder="ett",
        files={
            "table": CorpusFile(
                "ETTh1.csv",
                2_589_657,
                "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
                "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
            )
        },
        source="https://github.com/zhouhaoyi/ETDataset",
    ),
    "multi30k": Corpus(
        about="Multi30k (Elliott et al. 2016), task 1: descriptions of 31,014 pictures in English, "
        "German and French, line by line; the test part is that of 2016",
        licence="none stated; commonly cited as CC BY-NC-SA 4.0: do not publish the texts",
        folder="multi30k",
        files={
            "train.en": CorpusFile(
                "train.en",
                1_801_238,
                "460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6",
            ),
            "train.de": CorpusFile(
                "train.de",
                2_110_398,
                "2c2b73fd2b548fbcde3a875e0a78d6ee94d498bfdee6bd3eae3945779e9ddf72",
            ),
            "train.fr": CorpusFile(
                "train.fr",
                2_111_303,
                "5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d",
            ),
            "validation.en": CorpusFile(
                "val.en",
                63_297,
                "1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227",
            ),
            "validation.de": CorpusFile(
                "val.de",
                75_981,
                "660e09eb7e1da2f856ea13ee5ad3cf6d36b3d5b0b733c857e94c5747a3dfc660",
            ),
            "validation.fr": CorpusFile(
                "val.fr",
                73_924,
                "5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc",
            ),
            "test.en": CorpusFile(
                "test_2016_flickr.en",
                62_076,
                "399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182",
            ),
            "test.de": CorpusFile(
                "test_2016_flickr.de",
                70_649,
                "4be6b5b3236b79c25475c6bb829800a7ce559e9ba7a1f6c2394fe4d40be46d16",
            ),
            "test.fr": CorpusFile(
                "test_2016_flickr.fr",
                72_261,
                "cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6",
            ),
        },
        source="https://github.com/multi30k/dataset",
    ),
    "fra_eng": Corpus(
        about="167,130 short English sentences with a French translation each, from Tatoeba; the "
        "edition of April 2019, which the book Dive into Deep Learning uses",
        licence="CC BY 2.0 France",
        folder="fra_eng",
        files={
            "pairs": CorpusFile(
                "fra.txt",
                11_669_748,
                "0bb85dbaa1c896844649094d7eaf2e34bee34e84fe362b26ce7e8f2e12aae104",
            )
        },
        source="https://www.manythings.org/anki",
    ),
    "conll2003": Corpus(
        about="CoNLL-2003 English (Tjong Kim Sang and De Meulder 2003): news, words with parts of "
        "speech, chunks and named entities, in IOB1",
        licence="annotations free for research; the text needs an agreement with NIST",
        folder="conll2003",
        files={
            "train": CorpusFile(
                "eng.train",
                3_281_527,
                "1f829db7620be0f4a5fff90203eeef27580a75546fdbf180e36ff542b92e6a92",
            ),
            "validation": CorpusFile(
                "eng.testa",
                827_009,
                "426445b024120cfbd770fb4c0dafb6710f35afc08056b82837aa166a8cd6aef7",
            ),
            "test": CorpusFile(
                "eng.testb",
                748_094,
                "ae78c673d851c4308090fed5fb4412474c8b1fc91fe20728fdf62fdbfa1a5b2c",
            ),
        },
        source="https://www.clips.uantwerpen.be/conll2003/ner",
    ),
    "wnut17": Corpus(
        about="WNUT-17 (Derczynski et al. 2017): rare and emerging entities in posts, in IOB2",
        licence="CC BY 4.0",
        folder="wnut17",
        files={
            "train": CorpusFile(
                "wnut17train.conll",
                493_781,
                "731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5",
            ),
            "validation": CorpusFile(
                "emerging.dev.conll",
                114_749,
                "e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8",
            ),
            "test": CorpusFile(
                "emerging.test.annotated",
                192_425,
                "2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0",
            ),
        },
        source="https://github.com/leondz/emerging_entities_17",
    ),
    "ud_english_ewt": Corpus(
        about="Universal Dependencies English Web Treebank (Silveira et al. 2014) in CoNLL-U",
        licence="CC BY-SA 4.0",
        folder="ud_english_ewt",
        files={
            "train": CorpusFile(
                "en_ewt-ud-train.conllu",
                14_203_025,
                "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
            ),
            "validation": CorpusFile(
                "en_ewt-ud-dev.conllu",
                1_805_545,
                "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
            ),
            "test": CorpusFile(
                "en_ewt-ud-test.conllu",
                1_804_515,
                "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
            ),
        },
        source="https://github.com/UniversalDependencies/UD_English-EWT, commit 15d613d8 (join its "
        "training files into one)",
    ),
    "protein_ss3": Corpus(
        about="Secondary structure of proteins in 3 states (H helix, E strand, C other), one a "
        "residue: the training set of NetSurfP-2.0 (Klausen et al. 2019) and NEW364 for testing",
        licence="AFL-3.0",
        folder="protein_ss3",
        files={
            "sequences": CorpusFile(
                "sequences.fasta",
                2_945_498,
                "cc69cb36650161fa08874c7a3a2ceceb9c3bbab1b6394cb875647c1b8b4a4b03",
            ),
            "labels": CorpusFile(
                "sampled.fasta",
                3_245_266,
                "d74173c6ecd35339e9455565b45160f7285d401a1fc05e814af67bcb7bb83ad1",
            ),
            "mask": CorpusFile(
                "mask.fasta",
                2_945_498,
                "6ffafb87ab0d40781103594d3a8fa202d1db741fd49cc00fe6220797bf55897f",
            ),
        },
        source="https://github.com/J-SNACKKB/FLIP",
    ),
}
