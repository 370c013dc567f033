"""What a task does with a recording before it is decoded."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ser_core.config import Settings, load_settings
from ser_core.config.base import MB
from ser_core.errors import Reason, Refusal
from ser_core.pipeline.stages.extract_task import ExtractTask
from ser_core.sound.audio.reader import open_audio


class _Sources:
    def open_version(self, *_: object) -> io.BytesIO:
        return io.BytesIO()


@pytest.mark.parametrize(("size_bytes", "too_large"), [(MB // 2, False), (MB // 2 + 1, True)])
def test_the_largest_size_is_the_same_before_and_after_it_is_fetched(size_bytes: int, too_large: bool) -> None:
    settings: Settings = load_settings(["--limits.max-size-mb", "0.5"], environ={})
    nothing: Any = None
    sources: Any = _Sources()
    task = ExtractTask(settings, nothing, (), {}, "run", nothing, sources)
    fetched = task._fetch({"uri": "x", "version": "v", "size_bytes": size_bytes})
    with pytest.raises(Refusal) as decoded:  # zeros are no audio
        open_audio(io.BytesIO(bytes(size_bytes)), size_bytes, settings.limits)
    assert isinstance(fetched, Refusal) is too_large
    assert (decoded.value.reason is Reason.TOO_LARGE) is too_large
    if isinstance(fetched, Refusal):
        assert str(fetched) == str(decoded.value)
