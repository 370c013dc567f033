"""One recording → its channels and their vectors: the only step that touches audio."""

from ser_core.sound.extraction.copies import LONGEST_COPIED_S
from ser_core.sound.extraction.extract_recording import extract
from ser_core.sound.extraction.extraction_plan import ChannelFeatures, ExtractedRecording, ExtractionPlan
from ser_core.sound.extraction.isolation import extract_isolated
from ser_core.sound.extraction.roles import stated_roles

__all__ = [
    "LONGEST_COPIED_S",
    "ChannelFeatures",
    "ExtractedRecording",
    "ExtractionPlan",
    "extract",
    "extract_isolated",
    "stated_roles",
]
