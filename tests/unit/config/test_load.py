from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from ser_core.config import Settings, conf_folder, load_settings
from ser_core.errors import SettingsError


def faults(argv: list[str], environ: dict[str, str] | None = None, required: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(argv, environ=environ or {}, required=required)
    assert caught.value.exit_code == 2
    return caught.value.faults


def test_base_lists_every_setting_and_nothing_else() -> None:
    values = yaml.safe_load((conf_folder() / "base.yaml").read_text())
    settings = Settings(**values)
    assert set(values) == set(Settings.model_fields)
    assert settings.call_date is None


def test_overlay_environment_and_command_line_win_in_that_order(tmp_path: Path) -> None:
    overlay = tmp_path / "site.yaml"
    overlay.write_text("archive: {uri: /a, timezone: Europe/Berlin}\ntables: {uri: /t}\nlimits: {max_channels: 4}\n")
    settings = load_settings(
        ["--config", str(overlay), "--archive.uri", "s3://calls", "--call-date", "2026-11-21"],
        environ={"SER_ARCHIVE__URI": "/b", "SER_TABLES__URI": "/e"},
    )
    assert settings.archive.uri == "s3://calls"
    assert settings.tables.uri == "/e"
    assert settings.archive.timezone == "Europe/Berlin"
    assert settings.archive.name == "calls"  # untouched by the overlay's archive section
    assert settings.limits.max_channels == 4
    assert settings.call_date == dt.date(2026, 11, 21)


def test_overlays_merge_deeply_and_later_ones_win(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("storage: {s3: {region: eu-west-1, max_attempts: 9}}\n")
    (tmp_path / "two.yaml").write_text("storage: {s3: {max_attempts: 2}}\n")
    settings = load_settings(
        ["--config", str(tmp_path / "one.yaml"), "--config", str(tmp_path / "two.yaml")], environ={}
    )
    assert settings.storage.s3.region == "eu-west-1"
    assert settings.storage.s3.max_attempts == 2
    assert settings.storage.s3.retry_mode == "standard"


def test_false_and_zero_in_an_overlay_win(tmp_path: Path) -> None:
    (tmp_path / "off.yaml").write_text(
        "features: {chroma: false}\nnightly: {lookback_days: 0}\nfetch: {memory_mb: 0}\n"
    )
    settings = load_settings(["--config", str(tmp_path / "off.yaml")], environ={})
    assert settings.features.chroma is False
    assert settings.nightly.lookback_days == 0
    assert settings.fetch.memory_mb == 0


def test_null_on_the_command_line_unsets() -> None:
    settings = load_settings(["--archive.uri", "null"], environ={"SER_ARCHIVE__URI": "/b"})
    assert settings.archive.uri is None


def test_lists_and_maps_on_the_command_line() -> None:
    settings = load_settings(
        [
            "--training.hidden-layers",
            "200,100",
            "--roles.channels",
            '["agent","customer"]',
            "--spark.conf",
            "spark.x=1",
        ],
        environ={},
    )
    assert settings.training.hidden_layers == (200, 100)
    assert settings.roles.channels == ("agent", "customer")
    assert settings.spark.conf == {"spark.x": "1"}


def test_all_faults_come_in_one_message_each_with_its_place(tmp_path: Path) -> None:
    overlay = tmp_path / "bad.yaml"
    overlay.write_text(
        "features:\n  hop_length: abc\n  fourier: 1\narchive:\n  timezone: Mars\nscoring:\n  roles: [agent]\n"
    )
    listed = faults(
        ["--config", str(overlay), "--config", "nowhere.yaml", "--bogus=3", "--limits.max-channels", "0", "stray"],
        {"SER_TABLE__URI": "1", "SER_TABLES__URIX": "3", "SER_CORPORA": "/c"},
        ("archive.uri",),
    )
    for expected in (
        f"{overlay}:2: features.hop_length",
        f"{overlay}:3: features.fourier: there is no such setting",
        f"{overlay}:5: archive.timezone: 'Mars'",
        f"{overlay}:6: scoring: roles has agent",
        "nowhere.yaml: there is no such file",
        "command line: --bogus=3",
        "command line: 'stray'",
        "command line: limits.max_channels",
        "environment: SER_TABLE__URI names no setting; did you mean SER_TABLES__URI?",
        "environment: tables.urix",
    ):
        assert any(expected in fault for fault in listed), (expected, listed)
    assert not any("SER_CORPORA" in fault for fault in listed)


def test_a_required_setting_that_is_null_is_a_fault() -> None:
    assert faults([], required=("archive.uri",)) == (
        "archive.uri is not set, and this job needs it (--archive.uri … or in a file given by --config)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "cannot be read as YAML"),
        ("- 1\n", "holds a list"),
        ("archive: 5\n", "archive"),
        ("!!python/object:os.x {}", "YAML"),
    ],
)
def test_a_broken_overlay_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.yaml").write_text(text)
    assert any("x.yaml" in fault and message in fault for fault in faults(["--config", str(tmp_path / "x.yaml")]))


def test_impossible_combinations() -> None:
    assert any(
        "all off" in f
        for f in faults(
            ["--config", "paper", "--features.mfcc=false", "--features.chroma=false", "--features.mel=false"]
        )
    )
    assert any("window_s" in f for f in faults(["--segments.window-s", "0.1"]))
    assert any("label scheme" in f for f in faults(["--training.label-scheme", "plutchik"]))


def test_an_agent_is_scored_only_with_a_purpose() -> None:
    assert any("scoring.purpose" in f for f in faults(["--scoring.roles", "customer,agent"]))
    assert any("scoring.purpose" in f for f in faults(["--scoring.roles", "mixed", "--scoring.purpose", " "]))
    settings = load_settings(["--scoring.roles", "customer,agent", "--scoring.purpose", "training, agreed"], environ={})
    assert settings.scoring.roles == ("customer", "agent")


def test_a_range_of_dates_is_a_range(tmp_path: Path) -> None:
    settings = load_settings(["--call-dates.from", "2026-01-01", "--call-dates.to", "2026-01-03"], environ={})
    assert (settings.call_dates.from_, settings.call_dates.to) == (dt.date(2026, 1, 1), dt.date(2026, 1, 3))
    (fault,) = faults(["--call-dates.from", "2026-01-01"])
    assert "both from and to" in fault
    (fault,) = faults(["--call-dates.from", "2026-01-02", "--call-dates.to", "2026-01-01"])
    assert "is after" in fault
    (fault,) = faults(
        ["--call-date", "2026-01-01"], {"SER_CALL_DATES__FROM": "2026-01-01", "SER_CALL_DATES__TO": "2026-01-01"}
    )
    assert "one date, or a range" in fault


def test_of_two_that_will_do_one_is_needed() -> None:
    required = ("call_date|call_dates.from",)
    (fault,) = faults([], required=required)
    assert fault.startswith("call_date or call_dates.from is not set")
    load_settings(["--call-date", "2026-01-01"], environ={}, required=required)
    load_settings(["--call-dates.from", "2026-01-01", "--call-dates.to", "2026-01-01"], environ={}, required=required)


def test_names_on_the_command_line_may_be_spelled_as_in_the_files() -> None:
    for words in (
        ["--scoring.min_confidence", "0.4"],
        ["--scoring.min-confidence=0.4"],
        ["--scoring.min_confidence=0.4"],
    ):
        assert load_settings(words, environ={}).scoring.min_confidence == 0.4
    assert load_settings(["--scoring.priors", '{"neutral": 0.7}'], environ={}).scoring.priors == {"neutral": 0.7}
    assert load_settings(["--archive.name=a_b"], environ={}).archive.name == "a_b"


def test_a_word_of_two_roles_is_a_fault(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    for words, fault in (
        ("agent: [Caller]", "'Caller' is a word of agent and of customer"),
        ("mixed: [agent]", "'agent'"),
    ):
        overlay.write_text(f"roles: {{names: {{{words}}}}}")
        with pytest.raises(SettingsError, match=fault):
            load_settings(["--config", str(overlay)], environ={})
