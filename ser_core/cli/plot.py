"""`ser plot FILE`: waveform, mel spectrogram, MFCC and chroma of a recording, and the emotion of each segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ser_core.cli.common import Result, SettingsCommand
from ser_core.cli.parameters import FILE
from ser_core.config import Settings
from ser_core.errors import BundleError, Reason, Refusal, SettingsError

_BLOCK_S = 10.0


@click.command(cls=SettingsCommand, sections=("roles", "scoring", "models"))
@click.argument("file", metavar="FILE", type=FILE)
@click.option(
    "--out", type=FILE, metavar="FILE", help="PNG to write; default: the file's name with .png, in this folder"
)
@click.option("--channel", type=int, metavar="N", help="channel to draw; default: the first that is scored")
def plot(settings: Settings, file: Path, out: Path | None, channel: int | None) -> Result:
    """Draws a recording, with the emotion of each segment where there is a model."""
    from ser_core.report.figures import plot_recording  # noqa: PLC0415 - loaded only when there is something to draw

    out = out or Path(f"{file.stem}.png")
    channel, segments, note = _segments(settings, file, channel)
    y, sr = _samples(file, channel, settings)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(plot_recording(y, sr, title=f"{file.name}, channel {channel}", segments=segments))
    facts: dict[str, Any] = {"file": str(file), "picture": str(out), "channel": channel, "note": note}
    return facts, [*([Text(note, style="yellow")] if note else []), Text(f"wrote {out}")]


def _segments(
    settings: Settings, file: Path, channel: int | None
) -> tuple[int, tuple[tuple[float, float, str, float], ...], str | None]:
    """Channel, segments, and why there are none where no model can score the file."""
    from ser_core.cli.file_scorer import FileScorer  # noqa: PLC0415

    try:
        scored = FileScorer(settings).score(file)
    except BundleError as error:
        return channel or 0, (), f"Drawn without emotions. {error}"
    except Refusal as refusal:
        if refusal.reason is not Reason.FORBIDDEN or not file.is_file():
            raise SettingsError([f"{file}: {refusal.reason}: {refusal.detail}"]) from None
        return channel or 0, (), f"Drawn without emotions: {refusal.detail}"
    by_channel = {
        of.channel.channel: tuple((start, end, emotion or "undecided", c) for start, end, emotion, c in of.segments)
        for of in scored
    }
    drawn = min(by_channel) if channel is None else channel
    return drawn, by_channel.get(drawn, ()), None


def _samples(file: Path, channel: int, settings: Settings) -> tuple[Any, int]:
    import numpy as np  # noqa: PLC0415

    from ser_core.sound.audio import open_audio  # noqa: PLC0415

    with file.open("rb") as source, open_audio(source, file.stat().st_size, settings.limits) as reader:
        if channel >= reader.info.channels:
            raise SettingsError([f"--channel {channel}: {file} has {reader.info.channels} channels, counted from 0"])
        blocks = [block[:, channel] for block in reader.blocks(_BLOCK_S)]
        return np.concatenate(blocks), reader.info.sample_rate
