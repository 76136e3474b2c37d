"""Genes as GFF3: gene, transcript, exon and CDS lines, with scores where there are any."""

from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from seqloom.seqs.genes import Gene

# What names may have in GFF3 beside letters and digits.
_KEPT = " /:+()[]{}<>@^*!$'|~#?"


def gff3_lines(
    genes: Iterable[Gene], lengths: Mapping[str, int], source: str, scores: Mapping[str, float]
) -> Iterator[str]:
    """The lines of a file; `lengths` are those of all contigs, `scores` go by names of genes."""
    yield "##gff-version 3"
    for contig, length in lengths.items():
        yield f"##sequence-region {_quoted(contig)} 1 {length}"
    for gene in genes:
        score = scores.get(gene.name)
        for kind, start, end, phase, attributes in _features(gene):
            shown = "." if score is None else f"{score:.4g}"
            values = ";".join(f"{key}={value}" for key, value in attributes.items())
            place = start + 1, end, shown, gene.strand, "." if phase is None else phase
            yield "\t".join(map(str, (_quoted(gene.contig), source, kind, *place, values)))


def _features(gene: Gene) -> Iterator[tuple[str, int, int, int | None, dict[str, str]]]:
    name, is_coding, cuts = _quoted(gene.name), gene.biotype == "CDS", _cuts(gene)
    biotype = "protein_coding" if is_coding else gene.biotype
    yield "gene", gene.start, gene.end, None, {"ID": name, "gene_biotype": biotype, **cuts}
    code = {} if gene.genetic_code is None else {"transl_table": str(gene.genetic_code)}
    for transcript in gene.transcripts:
        id_ = _quoted(transcript.name)
        above = {"ID": id_, "Parent": name, **cuts}
        yield "mRNA" if is_coding else biotype, transcript.start, transcript.end, None, above
        for number, exon in enumerate(transcript.exons, start=1):
            yield "exon", exon.start, exon.end, None, {"ID": f"{id_}.exon{number}", "Parent": id_}
        below = {"ID": f"{id_}.cds", "Parent": id_, **code, **cuts}
        for exon in transcript.exons if is_coding else ():
            yield "CDS", exon.start, exon.end, exon.phase, below


def _cuts(gene: Gene) -> dict[str, str]:
    """How NCBI marks that a gene goes on beyond its first or last base."""
    found = {}
    if gene.partial_left:
        found["start_range"] = f".,{gene.start + 1}"
    if gene.partial_right:
        found["end_range"] = f"{gene.end},."
    return {"partial": "true", **found} if found else {}


def _quoted(name: str) -> str:
    return quote(name, safe=_KEPT)
