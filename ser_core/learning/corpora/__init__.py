"""Labelled corpora: one reader for each kind."""

from ser_core.learning.corpora.base import CorpusListing, CorpusReader, LabelledStretch, Unplaced
from ser_core.learning.corpora.registry import Corpus, corpus_reader, open_corpus

__all__ = ["Corpus", "CorpusListing", "CorpusReader", "LabelledStretch", "Unplaced", "corpus_reader", "open_corpus"]
