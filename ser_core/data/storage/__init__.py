"""Folders and S3 behind one small interface."""

from ser_core.data.storage.base import ObjectInfo, Storage
from ser_core.data.storage.folder import FolderStorage
from ser_core.data.storage.locate import check_place, locate, open_storage
from ser_core.data.storage.request_count import bytes_read, requests, retries
from ser_core.data.storage.s3 import S3Storage

__all__ = [
    "FolderStorage",
    "ObjectInfo",
    "S3Storage",
    "Storage",
    "bytes_read",
    "check_place",
    "locate",
    "open_storage",
    "requests",
    "retries",
]
