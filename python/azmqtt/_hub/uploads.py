"""File uploads to a local hub, from a service application's side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azmqtt._support.arguments import not_negative
from azmqtt._support.waiting import Steps, run, run_async

if TYPE_CHECKING:
    from azmqtt import _core
    from azmqtt._hub_types import FileUpload


class UploadsMixin:
    """The methods of :class:`~azmqtt.LocalHub` for file uploads, which the hub stores in place of Blob Storage."""

    _core: _core.Hub

    def uploads(self, device_id: str | None = None) -> list[FileUpload]:
        """Return the newest 10,000 completed uploads of one device, or of all devices, oldest first."""
        from datetime import datetime, timezone

        from azmqtt._hub_types import FileUpload

        return [
            FileUpload(
                device_id=device,
                blob_name=blob_name,
                is_success=is_success,
                status_code=status_code,
                status_description=description,
                correlation_id=correlation_id,
                size=size,
                ended=datetime.fromtimestamp(ended, timezone.utc),
            )
            for device, blob_name, (is_success, status_code, description), correlation_id, size, ended in (
                self._core.uploads(device_id)
            )
        ]

    def wait_for_upload(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[FileUpload]:
        """Wait until at least ``count`` uploads have succeeded or failed; return all of :meth:`uploads`.

        Args:
            device_id: The device's id; all devices by default.
            count: The minimum number of uploads.
            timeout: In seconds; ``None`` waits without a limit.

        Raises:
            TimeoutError: Fewer uploads ended in time. The text gives their number.
        """
        __tracebackhide__ = True
        return run(self._uploaded(device_id, count, timeout), self._core)

    async def wait_for_upload_async(
        self, device_id: str | None = None, count: int = 1, timeout: float | None = 10
    ) -> list[FileUpload]:
        """Do the same as :meth:`wait_for_upload` without blocking the event loop."""
        __tracebackhide__ = True
        return await run_async(self._uploaded(device_id, count, timeout), self._core)

    def _uploaded(self, device_id: str | None, count: int, timeout: float | None) -> Steps[list[FileUpload]]:
        __tracebackhide__ = True
        not_negative("count", count)
        if not (yield lambda tick: self._core.wait_for_upload(device_id, count, tick), timeout):
            msg = f"{len(self.uploads(device_id))} of {count} uploads ended within {timeout} s"
            raise TimeoutError(msg)
        return self.uploads(device_id)

    def blob(self, name: str) -> bytes:
        """Return the content of a blob. The hub keeps up to 512 MiB of blobs in memory.

        Args:
            name: The full name, ``{device id}/{name}``.

        Raises:
            LookupError: The blob does not exist, or has no committed blocks.
        """
        return self._blob(name)[0]

    def blob_content_type(self, name: str) -> str:
        """Return the media type of a blob; ``application/octet-stream`` if the device did not give one.

        Raises:
            LookupError: The blob does not exist, or has no committed blocks.
        """
        return self._blob(name)[1]

    def _blob(self, name: str) -> tuple[bytes, str]:
        if (found := self._core.blob(name)) is None:
            raise LookupError(f"the blob {name} does not exist")
        return found
