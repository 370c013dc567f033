"""`ser plot FILE`: waveform, mel spectrogram, MFCC and chroma of a recording, and the emotion of each segment."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from ser_core.cli.common import Answer, command_parser, run_command
from ser_core.config import Settings
from ser_core.errors import BundleError, Reason, Refusal, SettingsError

_BLOCK_S = 10.0


def main(argv: Sequence[str]) -> int:
    """Writes a PNG beside the current folder or to --out."""
    parser = command_parser(
        "plot", "A recording as a picture, with the emotion of each segment where there is a model."
    )
    parser.add_argument("file", metavar="FILE", type=Path)
    parser.add_argument("--out", type=Path, help="PNG to write; default: the file's name with .png, in this folder")
    parser.add_argument("--channel", type=int, default=None, help="channel to draw; default: the first that is scored")
    return run_command(parser, argv, _plot)


def _plot(arguments: argparse.Namespace, settings: Settings) -> Answer:
    from ser_core.report.figures import plot_recording  # noqa: PLC0415 - loaded only when there is something to draw

    out = arguments.out or Path(f"{arguments.file.stem}.png")
    channel, segments, why = _segments(arguments, settings)
    y, sr = _samples(arguments.file, channel, settings)
    title = f"{arguments.file.name}, channel {channel}"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(plot_recording(y, sr, title=title, segments=segments))
    told: dict[str, Any] = {"file": str(arguments.file), "picture": str(out), "channel": channel, "note": why}
    note = [Text(why, style="yellow")] if why else []
    return told, [*note, Text(f"wrote {out}")]


def _segments(
    arguments: argparse.Namespace, settings: Settings
) -> tuple[int, tuple[tuple[float, float, str, float], ...], str | None]:
    """Channel, segments, and why there are none where there is no model to ask."""
    from ser_core.cli.listen import Listener  # noqa: PLC0415

    try:
        heard = Listener(settings).hear(arguments.file)
    except BundleError as error:
        return arguments.channel or 0, (), f"Drawn without emotions. {error}"
    except Refusal as refusal:
        if refusal.reason is not Reason.FORBIDDEN or not arguments.file.is_file():
            raise SettingsError([f"{arguments.file}: {refusal.reason}: {refusal.detail}"]) from None
        return arguments.channel or 0, (), f"Drawn without emotions: {refusal.detail}"
    by_channel = {
        one.channel.channel: tuple((start, end, emotion or "undecided", c) for start, end, emotion, c in one.segments)
        for one in heard
    }
    channel = arguments.channel if arguments.channel is not None else min(by_channel)
    return channel, by_channel.get(channel, ()), None


def _samples(file: Path, channel: int, settings: Settings) -> tuple[Any, int]:
    import numpy as np  # noqa: PLC0415

    from ser_core.sound.audio import open_audio  # noqa: PLC0415

    with file.open("rb") as source, open_audio(source, file.stat().st_size, settings.limits) as reader:
        if channel >= reader.info.channels:
            raise SettingsError([f"--channel {channel}: {file} has {reader.info.channels} channels, counted from 0"])
        blocks = [block[:, channel] for block in reader.blocks(_BLOCK_S)]
        return np.concatenate(blocks), reader.info.sample_rate
