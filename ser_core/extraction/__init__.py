"""One recording → its channels and their vectors: the only step that touches audio."""

from ser_core.extraction.copies import LONGEST_COPIED_S
from ser_core.extraction.extract import extract
from ser_core.extraction.isolated import extract_isolated
from ser_core.extraction.plan import ChannelFeatures, Extracted, ExtractionPlan

__all__ = ["LONGEST_COPIED_S", "ChannelFeatures", "Extracted", "ExtractionPlan", "extract", "extract_isolated"]
