"""Upload a file block by block, with a progress bar, and resume it after an interruption."""

import tempfile
from pathlib import Path

import azmqtt

BLOCK = 256 * 1024


def bar(done: int, total: int | None) -> None:
    """Draw progress; with tqdm: ``lambda done, total: progress_bar.update(done - progress_bar.n)``."""
    print(f"{'#' * round(20 * done / (total or done)):<20} {done:,} bytes")


def pull_the_plug(done: int, _total: int | None) -> None:
    """Stop in the middle, as after a crash or a power failure."""
    if done == 2 * BLOCK:
        raise InterruptedError("the plug was pulled")


def main() -> None:
    """Upload a log, in two attempts."""
    with tempfile.TemporaryDirectory() as folder, azmqtt.LocalHub() as hub, hub.device_client("camera") as device:
        log = Path(folder) / "day.log"
        log.write_bytes(b"".join(b"line %d\n" % n for n in range(100_000)))

        try:
            device.upload_file(log, "logs/day.log", block_size=BLOCK, progress=pull_the_plug)
        except InterruptedError as error:
            print(error)

        result = device.upload_file(log, "logs/day.log", block_size=BLOCK, content_type="text/plain", progress=bar)
        print(f"{result.blob_name}: {result.sent:,} of {result.size:,} bytes had to be sent")

        for upload in hub.uploads("camera"):
            print(upload.status_code, upload.status_description)
        print(hub.blob("camera/logs/day.log") == log.read_bytes())


if __name__ == "__main__":
    main()
