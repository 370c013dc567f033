"""The typed settings: types, ranges and combinations. `conf/base.yaml` holds every default and its unit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ser_core.config.audio_settings import AudioSettings, FeatureSettings, SegmentSettings
from ser_core.config.base import NotNegative, Positive, PositiveInt, Role, Section, Share
from ser_core.config.corpus_settings import CorpusSettings, ListedCorpusSettings, check_names
from ser_core.config.domain_settings import DomainSettings
from ser_core.config.drift_settings import DriftSettings
from ser_core.config.isolation_settings import IsolationSettings
from ser_core.config.plan_settings import PlanSettings
from ser_core.config.privacy_settings import MaintainSettings, PrivacySettings
from ser_core.config.role_settings import RoleSettings
from ser_core.config.run_settings import DateRange, LeaseSettings, NightlySettings, RetentionSettings
from ser_core.config.talk_settings import EngagementSettings, TalkSettings, TranscriptSettings
from ser_core.config.training_settings import AugmentationSettings, SpeakerNormalisationSettings, TrainingSettings
from ser_core.emotions import EMOTIONS

__all__ = [
    "AudioSettings",
    "AugmentationSettings",
    "CorpusSettings",
    "FeatureSettings",
    "RoleSettings",
    "SegmentSettings",
    "Settings",
    "SpeakerNormalisationSettings",
    "TrainingSettings",
]


class ArchiveSettings(Section):
    """Where the recordings are, and how their paths are read."""

    name: Annotated[str, Field(min_length=1)]
    uri: str | None
    pattern: str | None
    metadata: str | None
    timezone: str
    extensions: tuple[str, ...]

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise ValueError(f"{value!r} is not an IANA time zone, such as Europe/Berlin") from None
        return value


class TableSettings(Section):
    """Where tables are, and in how many files."""

    uri: str
    buckets: Annotated[int, Field(gt=0, le=4096)]


class ModelSettings(Section):
    """Where model bundles are."""

    uri: str
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class ScoringSettings(Section):
    """Whose voices are scored, why, and with which model."""

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    purpose: str | None
    model: str
    priors: Mapping[str, Annotated[float, Field(gt=0)]] | None
    min_confidence: Share
    again: bool

    @field_validator("priors")
    @classmethod
    def _are_of_emotions(cls, value: Mapping[str, float] | None) -> Mapping[str, float] | None:
        unknown = sorted(set(value or ()) - set(EMOTIONS))
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no emotion; there are {', '.join(EMOTIONS)}")
        return value

    @model_validator(mode="after")
    def _purpose_is_stated(self) -> ScoringSettings:
        others = [role for role in self.roles if role != "customer"]
        if others and not (self.purpose or "").strip():
            raise ValueError(
                f"roles has {' and '.join(others)}, whose recordings hold the voice of an employee: state "
                "scoring.purpose (inferring employees' emotions at work is prohibited in the EU, AI Act art. 5(1)(f)), "
                "or, where one-channel recordings hold one customer only, set roles.mono to customer"
            )
        return self


class LimitSettings(Section):
    """What is accepted as one recording."""

    max_size_mb: Positive
    max_duration_s: Positive
    max_channels: PositiveInt


class QuarantineSettings(Section):
    """How often a temporary refusal is tried again."""

    max_attempts: PositiveInt


class FetchSettings(Section):
    """How recordings are brought to a worker."""

    memory_mb: Annotated[float, Field(ge=0)]
    prefetch_mb: Annotated[float, Field(ge=0)]


class S3Settings(Section):
    """How S3 is reached. Credentials come from the environment or the instance, never from here."""

    endpoint_url: str | None
    region: str | None
    retry_mode: Literal["standard", "adaptive"]
    max_attempts: PositiveInt
    connect_timeout_s: Positive
    read_timeout_s: Positive
    outage_s: NotNegative

    @property
    def longest_call_s(self) -> float:
        """Seconds that one request may take with its repetitions, where the endpoint does not answer."""
        return self.outage_s + self.connect_timeout_s + self.read_timeout_s


class StorageSettings(Section):
    """How storage is reached."""

    s3: S3Settings


class SparkSettings(Section):
    """How Spark spreads the work."""

    master: str | None
    partition_mb: Positive
    driver_rows: Annotated[int, Field(ge=0)]
    driver_memory: Annotated[str, Field(pattern=r"^\d+[kmgt]$")]
    conf: Mapping[str, str | int | float | bool]


class LogSettings(Section):
    """What is logged, to stderr."""

    level: Literal["debug", "info", "warning", "error"]
    json_: bool = Field(alias="json")


class Settings(BaseSettings):
    """All settings of a job, built by `ser_core.config.load_settings`, which reads and merges the sources."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    call_date: dt.date | None
    call_dates: DateRange
    features: FeatureSettings
    segments: SegmentSettings
    audio: AudioSettings
    archive: ArchiveSettings
    tables: TableSettings
    models: ModelSettings
    corpus: CorpusSettings
    corpora: tuple[ListedCorpusSettings, ...]
    roles: RoleSettings
    scoring: ScoringSettings
    domain: DomainSettings
    talk: TalkSettings
    engagement: EngagementSettings
    transcripts: TranscriptSettings
    limits: LimitSettings
    quarantine: QuarantineSettings
    retention: RetentionSettings
    augmentation: AugmentationSettings
    training: TrainingSettings
    drift: DriftSettings
    privacy: PrivacySettings
    maintain: MaintainSettings
    nightly: NightlySettings
    lease: LeaseSettings
    fetch: FetchSettings
    isolation: IsolationSettings
    storage: StorageSettings
    spark: SparkSettings
    log: LogSettings
    plan: PlanSettings

    @model_validator(mode="after")
    def _name_dates_once(self) -> Settings:
        if self.call_date and self.call_dates.from_:
            raise ValueError("call_date and call_dates are both set: expected one date, or a range")
        return self

    @field_validator("corpora")
    @classmethod
    def _are_called_apart(cls, value: tuple[ListedCorpusSettings, ...]) -> tuple[ListedCorpusSettings, ...]:
        check_names(value)
        return value

    @model_validator(mode="after")
    def _lease_outlasts_a_request(self) -> Settings:
        longest_s = self.storage.s3.longest_call_s
        on_s3 = any(uri.startswith("s3://") for uri in (self.tables.uri, self.corpus.tables_uri))
        if on_s3 and self.lease.expiry_s < longest_s:
            raise ValueError(
                f"lease.expiry_s is {self.lease.expiry_s:g}, and one request to S3 may take {longest_s:g} s (outage_s, "
                "connect_timeout_s and read_timeout_s of storage.s3): a run would lose its lease while it waits; set "
                f"lease.expiry_s to {2 * longest_s:g} or more, or these to less"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values given: the loader has merged the sources."""
        return (init_settings,)
