"""File upload: the order of its steps, once for both forms, and where the bytes come from."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from azmqtt._errors import IotHubError
from azmqtt._support.arguments import function, text, whole
from azmqtt._types import UploadResult

if TYPE_CHECKING:
    from collections.abc import Generator

    from azmqtt import _core
    from azmqtt._client.progress import Progress

    #: A path, the content itself, or a binary file that is open for reading.
    Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_SMALLEST_BLOCK = 64 * 1024
_LARGEST_BLOCK = 100 * 1024 * 1024
_MOST_BLOCKS = 50_000
_LONGEST_DESCRIPTION = 256
_OK = 200
_FAILED = 500
#: What proxies log for a client that went away.
_GONE = 499

#: A step for the core: its name, the bytes, a text, a status. `None` stands for "read the next block".
_Step: TypeAlias = "tuple[str, bytes | None, str | None, int] | None"
_Script: TypeAlias = "Generator[_Step, Any, UploadResult]"


class Upload:
    """One call of ``upload_file``."""

    def __init__(
        self,
        core: _core.Client,
        source: Source,
        blob_name: str,
        *,
        progress: Progress | None,
        content_type: str | None,
        block_size: int,
        timeout: float | None,
    ) -> None:
        """Check the arguments. Nothing is opened or sent."""
        whole("block_size", block_size, _SMALLEST_BLOCK, _LARGEST_BLOCK, "bytes")
        text("blob_name", blob_name)
        if progress is not None:
            function("progress", progress)
        _check_content_type(content_type)
        if not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) and not hasattr(source, "read"):
            raise TypeError(f"the file must be a path, bytes or a binary file, not {type(source).__name__}")
        self._source = source
        self._progress = progress
        self._content_type = content_type
        self._block_size = block_size
        self._blob_name = f"{core.device_id}/{blob_name}"
        self._core = core.upload(blob_name, timeout)
        self._file: BinaryIO | None = None
        self._owned = False
        self._total: int | None = None

    def run(self) -> UploadResult:
        """Upload, and block meanwhile."""
        script = self._script()
        try:
            self._open()
            step = next(script)
            while True:
                try:
                    outcome = self._read() if step is None else self._core.step(*step)
                except Exception as error:  # noqa: BLE001, PERF203 - the script says what becomes of it
                    step = script.throw(error)
                else:
                    step = script.send(outcome)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        except Exception:
            raise
        except BaseException:
            self._core.abandon(_GONE, "the upload was interrupted")
            raise
        finally:
            self._close()

    async def run_async(self) -> UploadResult:
        """Upload. Files are read on a thread."""
        import asyncio

        from azmqtt import _core

        _core.running_loop()
        script = self._script()
        try:
            await asyncio.to_thread(self._open)
            step = next(script)
            while True:
                try:
                    outcome = await (asyncio.to_thread(self._read) if step is None else self._core.step_async(*step))
                except Exception as error:  # noqa: BLE001, PERF203 - the script says what becomes of it
                    step = script.throw(error)
                else:
                    step = script.send(outcome)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        except Exception:
            raise
        except BaseException:
            self._core.abandon(_GONE, "the upload was cancelled")
            raise
        finally:
            self._close()

    def _script(self) -> _Script:
        """Yield the steps in their order; an error that is thrown in ends in the failure notification."""
        yield "start", None, None, 0
        try:
            size, sent = yield from self._put()
        except Exception as error:
            with suppress(IotHubError):
                yield "failed", None, _describe(error), getattr(error, "status", None) or _FAILED
            raise
        yield "done", None, "OK", _OK
        return UploadResult(self._blob_name, size, sent)

    def _put(self) -> Generator[_Step, Any, tuple[int, int]]:
        block = yield None
        following = (yield None) if len(block) == self._block_size else b""
        if not following:
            yield "put_blob", block, self._content_type, 0
            self._tell(len(block))
            return len(block), len(block)
        yield "look_for_blocks", None, None, 0
        size = sent = 0
        while block:
            sent += yield "put_block", block, None, 0
            size += len(block)
            self._tell(size)
            # No more than two blocks are held, and one copy that is on its way.
            block, following = following, b""
            if not block:
                block = yield None
        yield "commit", None, self._content_type, 0
        return size, sent

    def _tell(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self._total)

    def _open(self) -> None:
        source = self._source
        if isinstance(source, str | os.PathLike):
            # Unbuffered: it is read in large blocks.
            self._file, self._owned = open(source, "rb", buffering=0), True  # noqa: PTH123, SIM115 - closed in `run`
            self._total = os.fstat(self._file.fileno()).st_size or None
        elif isinstance(source, bytes | bytearray | memoryview):
            self._file, self._owned = io.BytesIO(source), True
            self._total = memoryview(source).nbytes
        else:
            self._file = source
            self._total = _remaining(source)
        if self._total is not None and self._total > _MOST_BLOCKS * self._block_size:
            msg = f"block_size must be larger: {self._total} bytes would be more than {_MOST_BLOCKS} blocks"
            raise ValueError(msg)

    def _read(self) -> bytes:
        """Return the next block, shorter only at the end of the file."""
        if self._file is None:
            return b""
        parts: list[bytes] = []
        missing = self._block_size
        while missing:
            part = self._file.read(missing)
            if not isinstance(part, bytes):
                raise TypeError(f"the file's read() must return bytes, not {type(part).__name__}; open it in 'rb'")
            if not part:
                break
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _close(self) -> None:
        if self._owned and self._file is not None:
            self._file.close()


def _remaining(file: BinaryIO) -> int | None:
    """Count what a file has from where it stands; ``None`` if it cannot tell."""
    try:
        here = file.tell()
        end = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (OSError, AttributeError):
        return None
    return end - here


def _check_content_type(content_type: str | None) -> None:
    if content_type is None:
        return
    text("content_type", content_type)
    if not content_type.isascii() or not content_type.isprintable() or not content_type.strip():
        raise ValueError("content_type must be printable ASCII, such as text/plain")


def _describe(error: Exception) -> str:
    # Other people's exceptions may hold anything.
    description = str(error) if isinstance(error, IotHubError) else type(error).__name__
    return description[:_LONGEST_DESCRIPTION]
