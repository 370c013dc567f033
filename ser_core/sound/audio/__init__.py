"""A recording's bytes → blocks of float32 `y` at `sr`, channels apart. An unusable recording raises `Refusal`."""

from ser_core.sound.audio.levels import ChannelLevels, loudness_dbfs
from ser_core.sound.audio.reader import AudioInfo, AudioReader, open_audio
from ser_core.sound.audio.resample import Resampler

__all__ = ["AudioInfo", "AudioReader", "ChannelLevels", "Resampler", "loudness_dbfs", "open_audio"]
