"""Typed settings: `conf/base.yaml`, then overlays, then the environment, then the command line."""

from ser_core.config.load import conf_folder, load_settings
from ser_core.config.setting_descriptions import describe_settings, settings_help
from ser_core.config.settings import Settings

__all__ = ["Settings", "conf_folder", "describe_settings", "load_settings", "settings_help"]
