"""One recording → its channels and their vectors: the only step that touches audio."""

from ser_core.extraction.extract import extract
from ser_core.extraction.plan import ChannelFeatures, Extracted, ExtractionPlan

__all__ = ["ChannelFeatures", "Extracted", "ExtractionPlan", "extract"]
