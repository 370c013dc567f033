"""Posteriors → segments' emotions → calls. Array in, array out."""

from ser_core.scoring.call_summary import CallSummary, summarise_call
from ser_core.scoring.segment_scores import UNDECIDED, SegmentScores, score_segments

__all__ = ["UNDECIDED", "CallSummary", "SegmentScores", "score_segments", "summarise_call"]
