"""Folders and S3 behind one small interface."""

from ser_core.data.storage.base import ObjectInfo, Storage
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.locate import locate, open_storage
from ser_core.data.storage.s3 import S3Storage
from ser_core.data.storage.s3_client import retries

__all__ = ["FolderStorage", "ObjectInfo", "S3Storage", "Storage", "locate", "open_storage", "retries"]
