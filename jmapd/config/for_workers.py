"""What of the configuration a worker process is told."""

from __future__ import annotations

from jmapd.config.settings import Settings
from jmapd.protocol.limits import UploadBounds
from jmapd.workers.settings import WorkerSettings


def worker_settings(settings: Settings) -> WorkerSettings:
    """The settings of a worker, which is not the writer unless it is told so."""
    return WorkerSettings(
        database=settings.storage.url,
        data_dir=str(settings.server.data_dir),
        hostname=settings.server.hostname,
        digest=settings.digest(),
        limits=settings.limits,
        uploads=UploadBounds(settings.upload.quota_files, settings.upload.quota_size, settings.upload.ttl),
        max_push_subscriptions=settings.push.max_total,
        keep_changes=settings.keep_changes,
        soft_deadline=settings.workers.soft_deadline,
        memory=settings.workers.memory,
    )
