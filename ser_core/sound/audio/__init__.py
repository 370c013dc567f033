"""A recording's bytes → blocks of float32 `y` at `sr`, channels apart. What is bad about a recording is a `Refusal`."""

from ser_core.sound.audio.levels import ChannelLevels, dbfs
from ser_core.sound.audio.reader import AudioInfo, AudioReader, open_audio
from ser_core.sound.audio.resample import Resampler

__all__ = ["AudioInfo", "AudioReader", "ChannelLevels", "Resampler", "dbfs", "open_audio"]
