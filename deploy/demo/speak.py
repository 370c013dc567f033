"""Make the demo's corpus and archive of calls, with planted emotions.

    python deploy/demo/speak.py --out build/demo                    spoken by espeak-ng (extra `demo`)
    python deploy/demo/speak.py --out build/demo --corpus RAVDESS   put together from RAVDESS clips

Writes below --out: corpus/labels.csv (and, synthetic, the clips), archive/YYYY/MM/DD/<call_id>_<agent_id>.wav (two
channels, 8 kHz mu-law: the customer on channel 0, the agent on channel 1), metadata.csv (call_id, queue, agent_id) and
truth.csv (call_id, start_s, end_s, emotion, role). The same arguments write the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, astuple, fields
from pathlib import Path

from calls import CallPlan, Truth, Voices, make_call, plan_calls, write_call
from rich.console import Console
from rich.progress import track
from synthetic import CORPUS_CLIPS, Actors, Label, SyntheticVoices, write_corpus

_CONSOLE = Console(stderr=True)


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_labels(folder: Path, labels: Iterable[Label], count: int) -> None:
    tracked = track(labels, "corpus ", total=count, console=_CONSOLE)
    _write_csv(folder / "labels.csv", (f.name for f in fields(Label)), (astuple(label) for label in tracked))


def _write_archive(out: Path, plans: list[CallPlan], voices: Voices, seed: int) -> None:
    truth: list[tuple[str, Truth]] = []
    for plan in track(plans, "archive", console=_CONSOLE):
        y, planted = make_call(plan, voices, seed)
        path = out / "archive" / plan.key
        path.parent.mkdir(parents=True, exist_ok=True)
        write_call(path, y)
        truth += [(plan.call_id, stretch) for stretch in planted]
    _write_csv(
        out / "truth.csv", ("call_id", *(f.name for f in fields(Truth))), ((c, *asdict(t).values()) for c, t in truth)
    )
    _write_csv(
        out / "metadata.csv", ("call_id", "queue", "agent_id"), ((p.call_id, p.queue, p.agent_id) for p in plans)
    )
    minutes = sum(t.end_s - t.start_s for _, t in truth if t.role == "customer") / 60.0
    _CONSOLE.print(f"{out}: {len(plans)} calls, {minutes:.1f} minutes of customers speaking")


def synthetic(out: Path, seed: int) -> None:
    """Corpus and archive spoken by espeak-ng."""
    actors = Actors(seed)
    _write_labels(out / "corpus", write_corpus(actors, out / "corpus"), CORPUS_CLIPS)
    voices = SyntheticVoices(actors)
    _write_archive(out, plan_calls(voices.courses, voices.agent_ids, voices.customers, seed), voices, seed)


def acted(out: Path, corpus: Path, seed: int) -> None:
    """Labels of RAVDESS clips, and an archive put together from those of the held-out actors."""
    from acted import ActedVoices, corpus_labels, find_clips, split_actors  # noqa: PLC0415 - needed for --corpus only

    train, held_out = split_actors(find_clips(corpus))
    _write_labels(out / "corpus", corpus_labels(train), len(train))
    voices = ActedVoices(held_out)
    _write_archive(out, plan_calls(voices.courses, voices.agent_ids, voices.customers, seed), voices, seed)


def main(argv: list[str]) -> int:
    """Command line; 0 done, 2 wrong arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--corpus", type=Path, help="folder of RAVDESS speech clips; default: espeak-ng speaks")
    parser.add_argument("--seed", type=int, default=0, help="of every jitter")
    arguments = parser.parse_args(argv)
    if arguments.corpus is None:
        synthetic(arguments.out, arguments.seed)
        return 0
    try:
        acted(arguments.out, arguments.corpus, arguments.seed)
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
