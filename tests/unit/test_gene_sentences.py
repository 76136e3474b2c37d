"""The gene sentence format of TransGenic."""

import pytest

from seqloom.annotate.gene_sentences import from_sentence, to_sentence
from seqloom.errors import InputError
from seqloom.seqs.genes import Exon, Transcript

# The example of its description.
SENTENCE = "35|CDS1|56|+|A;97|CDS2|125|+|B;245|CDS3|286|+|A>CDS1|CDS2|CDS3;CDS2|CDS3"
EXONS = Exon(34, 56, 0), Exon(96, 125, 1), Exon(244, 286, 0)
TRANSCRIPTS = Transcript("1", EXONS), Transcript("2", EXONS[1:])


def test_the_published_example_is_read_and_written():
    assert from_sentence(SENTENCE) == ("+", TRANSCRIPTS)
    assert to_sentence("+", TRANSCRIPTS) == SENTENCE


def test_untranslated_regions_are_read_over():
    sentence = "5|five_prime_UTR1|9|-|.;10|CDS1|30|-|A>five_prime_UTR1|CDS1"
    assert from_sentence(sentence) == ("-", (Transcript("1", (Exon(9, 30, 0),)),))


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("35|CDS1|56|+|A", "no transcripts follow"),
        ("35|CDS1|56|+|D>CDS1", "is not start|name|end|strand|phase"),
        ("35|CDS1|56|+|A>CDS2", "there is no feature 'CDS2'"),
        ("35|CDS1|56|+|A;60|CDS2|70|-|A>CDS1|CDS2", "it has two strands"),
    ],
)
def test_a_broken_sentence_is_refused(sentence, message):
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        from_sentence(sentence)
