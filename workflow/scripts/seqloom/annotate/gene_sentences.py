"""The gene sentence format of TransGenic: one gene as a line, its features, then its transcripts.

    35|CDS1|56|+|A;97|CDS2|125|+|B;245|CDS3|286|+|A>CDS1|CDS2|CDS3;CDS2|CDS3

Positions count from 1 and include the last base; phases 0, 1, 2 are A, B, C. UTR features are read
over: our genes are their coding sequences.
"""

import re
from collections.abc import Sequence

from seqloom.errors import InputError
from seqloom.seqs.genes import Exon, Transcript

_PHASES = {0: "A", 1: "B", 2: "C", None: "."}
_PHASE_OF = {letter: phase for phase, letter in _PHASES.items()}
_FEATURE = re.compile(r"(\d+)\|(\w+)\|(\d+)\|([+-])\|([ABC.])")


def to_sentence(strand: str, transcripts: Sequence[Transcript]) -> str:
    exons = sorted({exon for transcript in transcripts for exon in transcript.exons}, key=_place)
    names = {exon: f"CDS{number}" for number, exon in enumerate(exons, start=1)}
    features = [
        f"{exon.start + 1}|{name}|{exon.end}|{strand}|{_PHASES[exon.phase]}"
        for exon, name in names.items()
    ]
    lists = ["|".join(names[exon] for exon in transcript.exons) for transcript in transcripts]
    return f"{';'.join(features)}>{';'.join(lists)}"


def from_sentence(sentence: str) -> tuple[str, tuple[Transcript, ...]]:
    """The strand and the transcripts of a gene; they are named by their order."""
    features, arrow, lists = sentence.strip().partition(">")
    exons, strands = {}, set()
    for feature in features.split(";"):
        match = _FEATURE.fullmatch(feature)
        if not arrow:
            raise InputError(f"gene sentence {sentence[:60]!a}: no transcripts follow; correct it")
        if not match:
            raise InputError(
                f"gene sentence {sentence[:60]!a}: {feature!a} is not start|name|end|strand|phase; "
                "give it as TransGenic writes it"
            )
        start, name, end, strand, phase = match.groups()
        exons[name] = Exon(int(start) - 1, int(end), _PHASE_OF[phase])
        strands.add(strand)
    found = [names.split("|") for names in lists.split(";")]
    unknown = [name for names in found for name in names if name not in exons]
    if unknown or len(strands) != 1:
        wrong = f"there is no feature {unknown[0]!a}" if unknown else "it has two strands"
        raise InputError(f"gene sentence {sentence[:60]!a}: {wrong}; correct it")
    transcripts = []
    for number, names in enumerate(found, start=1):
        coding = sorted((exons[name] for name in names if name.startswith("CDS")), key=_place)
        if coding:
            transcripts.append(Transcript(str(number), tuple(coding)))
    return strands.pop(), tuple(transcripts)


def _place(exon: Exon) -> tuple[int, int]:
    return exon.start, exon.end
