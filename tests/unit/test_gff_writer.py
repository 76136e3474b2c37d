"""GFF3 as we write it, read by our own reader."""

from dataclasses import replace

from gene_data import gene_lists, read
from hypothesis import given

from seqloom.annotate.gff_writer import gff3_lines

LENGTHS = {"c": 1000, "d": 1000}


@given(gene_lists())
def test_any_genes_of_one_transcript_come_back_with_codes_and_cuts(tmp_path_factory, genes):
    genes = [replace(one, transcripts=one.transcripts[:1]) for one in genes]
    text = "".join(f"{line}\n" for line in gff3_lines(genes, LENGTHS, "x", {}))
    found, _ = read(tmp_path_factory.mktemp("x"), text, LENGTHS)
    assert sorted(found, key=repr) == sorted(genes, key=repr)
