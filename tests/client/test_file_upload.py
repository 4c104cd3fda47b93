"""File upload: small and large files, what is sent again, and storage that misbehaves."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.server
import io
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

import azmqtt

KEY = base64.b64encode(b"an example key, not a secret one").decode()
BLOCK = 65_536
RETRY = azmqtt.RetryPolicy(base=0.01, max=0.05)
SECRET = "verysecret"


def content(size: int) -> bytes:
    """Bytes of which no two blocks are alike."""
    return b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(size // 32 + 1))[:size]


def test_a_small_file_goes_in_one_request(hub, client, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"hello")
    seen = []
    result = client.upload_file(
        path, "a folder/notes é&1.txt", progress=lambda *args: seen.append(args), content_type="text/plain"
    )
    name = f"{client.device_id}/a folder/notes é&1.txt"
    assert result == azmqtt.UploadResult(name, 5, 5)
    assert seen == [(5, 5)]
    assert hub.blob(name) == b"hello"
    assert hub.blob_content_type(name) == "text/plain"
    (upload,) = hub.wait_for_upload(client.device_id)
    assert (upload.blob_name, upload.is_success, upload.status_code, upload.size) == (name, True, 200, 5)
    assert client.state == "disconnected", "no MQTT connection is needed"


@pytest.mark.parametrize("size", [0, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 17])
def test_sizes_around_the_blocks(hub, client, size):
    data = content(size)
    seen = []
    client.upload_file(data, "x", block_size=BLOCK, progress=lambda *args: seen.append(args))
    assert hub.blob(f"{client.device_id}/x") == data
    assert seen[-1] == (size, size)
    assert len(seen) == max(1, -(-size // BLOCK))


async def test_async_with_every_kind_of_source(hub, client, tmp_path):
    data = content(3 * BLOCK)
    path = tmp_path / "x"
    path.write_bytes(data)
    with path.open("rb") as file:
        file.seek(10)
        await client.upload_file_async(file, "from-the-middle", block_size=BLOCK)
        assert not file.closed
    await asyncio.gather(
        *(
            client.upload_file_async(source, f"n{n}", block_size=BLOCK)
            for n, source in enumerate([path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data)])
        )
    )
    assert hub.blob(f"{client.device_id}/from-the-middle") == data[10:]
    for n in range(6):
        assert hub.blob(f"{client.device_id}/n{n}") == data


def test_a_pipe_has_no_size(hub, client):
    read_end, write_end = os.pipe()
    data = content(2 * BLOCK + 5)

    def write():
        with open(write_end, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    with open(read_end, "rb", buffering=0) as file:
        client.upload_file(file, "pipe", block_size=BLOCK, progress=lambda *args: seen.append(args))
    writer.join()
    assert hub.blob(f"{client.device_id}/pipe") == data
    assert seen == [(BLOCK, None), (2 * BLOCK, None), (2 * BLOCK + 5, None)]


def test_an_upload_that_was_interrupted_goes_on_where_it_stopped(hub, client):
    data = content(6 * BLOCK)

    def stop_at_half(done, total):
        if done == 3 * BLOCK:
            raise LookupError("the user pressed stop")

    with pytest.raises(LookupError):
        client.upload_file(data, "x", block_size=BLOCK, progress=stop_at_half)
    (failed,) = hub.uploads(client.device_id)
    assert (failed.is_success, failed.status_code, failed.status_description) == (False, 500, "LookupError")
    assert failed.size is None
    with pytest.raises(LookupError, match=r"the blob .* does not exist"):
        hub.blob(f"{client.device_id}/x")
    # Another process would know no more than this one: the file and the name. One block has changed meanwhile.
    changed = data[:BLOCK] + b"!" + data[BLOCK + 1 :]
    result = client.upload_file(changed, "x", block_size=BLOCK)
    assert (result.size, result.sent) == (6 * BLOCK, 4 * BLOCK)
    assert hub.blob(f"{client.device_id}/x") == changed


async def test_a_cancelled_upload_tells_the_hub(hub, client):
    reached = asyncio.Event()

    class Slow(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            loop.call_soon_threadsafe(reached.set)
            time.sleep(0.2)
            buffer[:] = bytes(len(buffer))
            return len(buffer)

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(client.upload_file_async(Slow(), "endless", block_size=BLOCK))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (upload,) = await asyncio.to_thread(hub.wait_for_upload, client.device_id)
    assert (upload.is_success, upload.status_code) == (False, 499)


def test_ten_uploads_at_a_time(hub, client):
    ten = [client._core.upload(f"x{n}", None) for n in range(11)]
    for upload in ten[:10]:
        upload.step("start", None, None, 0)
    with pytest.raises(azmqtt.RequestFailed, match="POST files") as refused:
        client.upload_file(b"", "one too many")
    assert (refused.value.status, refused.value.error_code) == (403, 403006)
    ten[0].step("failed", None, "never mind", 500)
    client.upload_file(b"", "fits now")


def test_arguments(hub, client, tmp_path):
    for name in ("", "a/../b", "a\n", "x" * 1024):
        with pytest.raises(ValueError, match="blob_name"):
            client.upload_file(b"", name)
    with pytest.raises(ValueError, match="block_size"):
        client.upload_file(b"", "x", block_size=10)
    with pytest.raises(TypeError, match="block_size"):
        client.upload_file(b"", "x", block_size=True)
    with pytest.raises(TypeError, match="must be a path, bytes or a binary file, not int"):
        client.upload_file(5, "x")
    with pytest.raises(TypeError, match="progress"):
        client.upload_file(b"", "x", progress=5)
    with pytest.raises(ValueError, match="content_type"):
        client.upload_file(b"", "x", content_type="a\r\nb: c")
    with pytest.raises(FileNotFoundError):
        client.upload_file(tmp_path / "nothing", "x")
    with pytest.raises(TypeError, match="open it in 'rb'"):
        client.upload_file(io.StringIO("text"), "x")
    assert [upload.status_description for upload in hub.uploads(client.device_id)] == ["TypeError"]
    client.close()
    with pytest.raises(azmqtt.ClientClosed):
        client.upload_file(b"", "x")


def test_wrong_key(hub):
    device = hub.create_device()
    client = azmqtt.DeviceClient.from_symmetric_key(
        "localhost", device.device_id, KEY, trust=hub.ca_file, https_port=hub.websocket_port
    )
    with pytest.raises(azmqtt.AuthenticationFailed, match="POST files: the hub answered 401") as refused:
        client.upload_file(b"", "x")
    assert KEY not in str(refused.value)


def test_a_client_certificate_in_place_of_a_token(hub):
    device_id = hub.create_device(ca=True).device_id
    other = hub.create_device(ca=True).device_id

    def upload(name):
        issued = hub.create_certificate(device_id)
        with azmqtt.DeviceClient.from_certificate(
            "localhost",
            name,
            certificate=issued.certificate,
            private_key=issued.private_key,
            trust=hub.ca_file,
            https_port=hub.websocket_port,
        ) as client:
            return client.upload_file(b"x", "x")

    assert upload(device_id).size == 1
    with pytest.raises(azmqtt.AuthenticationFailed):
        upload(other)


def test_nobody_listens():
    client = azmqtt.DeviceClient.from_symmetric_key("localhost", "d", KEY, https_port=1)
    started = time.monotonic()
    with pytest.raises(azmqtt.ConnectionFailed, match="localhost:1"):
        client.upload_file(b"", "x")
    assert time.monotonic() - started < 5


class Storage(http.server.BaseHTTPRequestHandler):
    """Hub and storage at once. What they do is up to the test: `plan` maps a kind of request to its next answers."""

    protocol_version = "HTTP/1.1"
    plan: dict[str, list[object]]
    requests: list[str]
    blocks: dict[str, bytes]
    released: threading.Event

    def kind(self) -> str:
        if "/notifications" in self.path:
            return "notify"
        if "/files" in self.path:
            return "start"
        if "comp=blocklist" in self.path:
            return "list" if self.command == "GET" else "commit"
        return "block" if "comp=block" in self.path else "blob"

    def handle_any(self) -> None:
        kind = self.kind()
        wanted = self.plan.get(kind, [])
        act = wanted.pop(0) if wanted else None
        if act == "cut":
            # In the middle of the body.
            self.rfile.read(min(1000, int(self.headers["content-length"] or 0) // 2))
            self.requests.append(f"{kind} cut")
            return self.cut()
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.requests.append(kind)
        if act == "rubbish":
            self.wfile.write(b"\x00\xffrubbish\r\n\r\n" * 10)
            return self.cut()
        if act == "hang":
            self.released.wait(10)
            return self.cut()
        if act == "flood":
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + bytes(200_000))
            return self.cut()
        if isinstance(act, tuple):
            return self.answer(*act)
        return self.good(kind, body)

    do_POST = do_PUT = do_GET = handle_any  # noqa: N815 - the base class's names

    def good(self, kind: str, body: bytes) -> None:
        if kind == "start":
            port = self.server.server_address[1]
            self.answer(
                200,
                json.dumps(
                    {
                        "correlationId": "c1",
                        "hostName": f"localhost:{port}",
                        "containerName": "c",
                        "blobName": "dev1/x",
                        "sasToken": f"?sv=1&sig={SECRET}",
                    }
                ).encode(),
            )
        elif kind == "notify":
            self.server.notifications.append(json.loads(body))
            self.answer(204)
        elif kind == "list":
            names = "".join(f"<Block><Name>{name}</Name></Block>" for name in self.blocks)
            self.answer(200, f"<BlockList>{names}</BlockList>".encode())
        elif kind == "block":
            name = re.search(r"blockid=([^&]*)", self.path).group(1).replace("%3D", "=").replace("%2B", "+")
            self.blocks[name.replace("%2F", "/")] = body
            self.answer(201)
        elif kind == "commit":
            names = re.findall(r"<Latest>([^<]*)</Latest>", body.decode())
            self.server.blob = b"".join(self.blocks[name] for name in names)
            self.answer(201)
        else:
            self.server.blob = body
            self.answer(201)

    def answer(self, status: int, body: bytes = b"", headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def scripted(authority) -> Iterator[tuple[http.server.ThreadingHTTPServer, type[Storage], azmqtt.DeviceClient]]:
    handler = type(
        "Handler", (Storage,), {"plan": {}, "requests": [], "blocks": {}, "released": threading.Event(), "timeout": 10}
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    server.notifications, server.blob = [], None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    client = azmqtt.DeviceClient.from_symmetric_key(
        "localhost",
        "dev1",
        KEY,
        trust=authority.cert_pem.bytes(),
        https_port=server.server_address[1],
        retry=RETRY,
        timeout=0.5,
    )
    yield server, handler, client
    client.close()
    handler.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


BUSY = (503, b"", (("retry-after", "0"), ("x-ms-error-code", "ServerBusy")))
EXPIRED = (
    403,
    f"<Error><Code>AuthenticationFailed</Code><Message>Signature not valid.\nRequestId</Message>"
    f"<AuthenticationErrorDetail>sig={SECRET}</AuthenticationErrorDetail></Error>".encode(),
)


@pytest.mark.parametrize("trouble", [BUSY, "cut", "rubbish", "hang", "flood"], ids=str)
@pytest.mark.parametrize("kind", ["start", "list", "block", "commit", "notify", "blob"])
def test_a_failure_that_passes_is_not_seen(scripted, kind, trouble):
    server, handler, client = scripted
    # The last block is short: a longer one has more time.
    data = content(10 if kind == "blob" else 3 * BLOCK + 10)
    handler.plan[kind] = [*([None] * 3 if kind == "block" else []), trouble]
    client.upload_file(data, "x", block_size=BLOCK)
    assert server.blob == data
    assert [said["isSuccess"] for said in server.notifications] == [True]
    assert sum(request.startswith(kind) for request in handler.requests) >= 2


@pytest.mark.parametrize(
    ("kind", "trouble", "error", "text"),
    [
        ("block", BUSY, azmqtt.UploadFailed, r"Put Block: status 503 ServerBusy"),
        ("block", "cut", azmqtt.ConnectionLost, r"localhost:\d+: Put Block"),
        ("block", "rubbish", azmqtt.BadAnswer, r"Put Block"),
        ("block", "hang", azmqtt.RequestTimeout, r"no answer to Put Block within 0.5 s"),
        ("block", "flood", azmqtt.BadAnswer, r"longer than 65536 bytes"),
        ("commit", BUSY, azmqtt.UploadFailed, r"Put Block List: status 503"),
    ],
    ids=str,
)
def test_a_failure_that_stays_is_told_to_the_caller_and_the_hub(scripted, kind, trouble, error, text):
    server, handler, client = scripted
    passed = [None] * 3 if kind == "block" else []
    handler.plan[kind] = [*passed, *[trouble] * 20]
    with pytest.raises(error, match=text) as failed:
        client.upload_file(content(3 * BLOCK + 10), "x", block_size=BLOCK)
    assert sum(request.startswith(kind) for request in handler.requests) == 6 + len(passed)
    (said,) = server.notifications
    assert said["isSuccess"] is False
    assert said["correlationId"] == "c1"
    assert said["statusDescription"]
    assert SECRET not in f"{failed.value!r} {said}"


def test_an_expired_signature_is_an_error_at_first_and_renewed_later(scripted):
    server, handler, client = scripted
    handler.plan["blob"] = [EXPIRED]
    with pytest.raises(azmqtt.UploadFailed) as failed:
        client.upload_file(b"x", "x")
    error = failed.value
    assert str(error) == "the file upload failed at Put Blob: status 403 AuthenticationFailed: Signature not valid."
    assert (error.step, error.status, error.error_code) == ("Put Blob", 403, "AuthenticationFailed")
    assert server.notifications[0]["statusCode"] == 403
    assert SECRET not in json.dumps(server.notifications)

    server.notifications.clear()
    handler.requests.clear()
    original = handler.good

    def expire_once(self, kind, body):
        if kind == "block" and len(self.blocks) == 2 and self.requests.count("start") == 1:
            return self.answer(*EXPIRED)
        return original(self, kind, body)

    handler.good = expire_once
    data = content(5 * BLOCK)
    client.upload_file(data, "x", block_size=BLOCK)
    assert server.blob == data
    assert handler.requests.count("start") == 2
    assert [said["isSuccess"] for said in server.notifications] == [False, True]


@pytest.mark.parametrize(
    "answer",
    [
        b"rubbish",
        b"{}",
        b'{"correlationId":"c","hostName":"evil host","containerName":"c","blobName":"b","sasToken":"?s"}',
        b'{"correlationId":"c","hostName":"h","containerName":"c","blobName":"b","sasToken":"?s\\r\\nX: 1"}',
        b"[" * 100_000,
    ],
    ids=range(5),
)
def test_a_hub_that_answers_rubbish(scripted, answer):
    _, handler, client = scripted
    handler.plan["start"] = [(200, answer)] * 20
    with pytest.raises(azmqtt.BadAnswer):
        client.upload_file(b"", "x")


def test_the_timeout_of_the_whole(scripted):
    _, handler, client = scripted
    handler.plan["blob"] = ["hang"] * 20
    started = time.monotonic()
    with pytest.raises(azmqtt.RequestTimeout, match=r"the file upload within 0\.3 s"):
        client.upload_file(b"x", "x", timeout=0.3)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("form", ["blocking", "awaited"])
def test_the_notice_of_a_failure_takes_none_of_the_callers_time(scripted, form):
    """The hub is silent, too; it is told in the background once it answers."""
    server, handler, client = scripted
    handler.plan["blob"] = ["hang"] * 20
    handler.plan["notify"] = ["hang"] * 4
    started = time.monotonic()
    awaited = lambda: asyncio.run(client.upload_file_async(b"x", "x", timeout=0.3))  # noqa: E731
    upload = awaited if form == "awaited" else lambda: client.upload_file(b"x", "x", timeout=0.3)
    with pytest.raises(azmqtt.RequestTimeout, match=r"the file upload within 0\.3 s"):
        upload()
    # Four requests that hang last for half a second each.
    assert time.monotonic() - started < 1.5
    while not server.notifications:
        assert time.monotonic() - started < 20
        time.sleep(0.01)
    assert server.notifications[0]["isSuccess"] is False


def test_an_interrupt_is_seen(hub):
    device = hub.create_device()
    code = (
        "import signal, os, threading, azmqtt\n"
        f"client = azmqtt.DeviceClient.from_connection_string({device.connection_string!r}, "
        f"https_port={hub.websocket_port}, trust={hub.ca_file!r})\n"
        "class Endless:\n    def read(self, n):\n        return bytes(n)\n"
        "def go(done, total):\n    done == 65536 and os.kill(os.getpid(), signal.SIGINT)\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n    client.upload_file(Endless(), 'x', block_size=65536, progress=go)\n"
        "except KeyboardInterrupt:\n    print('stopped')\n"
        "import time; time.sleep(0.5)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("stopped\n", "")
    assert hub.wait_for_upload(device.device_id)[0].status_code == 499


@pytest.mark.timeout(180)  # A busy machine takes most of a minute for so much data.
def test_memory_stays_small_for_a_large_file(tmp_path):
    """128 MiB that are not there, to a hub in another process."""
    hub_process = subprocess.Popen(
        [sys.executable, "-m", "azmqtt", "hub", "--port", "0", "--websocket-port", "0", "--device", "d", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = json.loads(hub_process.stdout.readline())
        path = tmp_path / "sparse"
        with path.open("wb") as file:
            file.truncate(128 * 1024 * 1024)
        code = (
            "import resource, sys, azmqtt\n"
            "string, port, ca, path = sys.argv[1:]\n"
            "client = azmqtt.DeviceClient.from_connection_string(string, https_port=int(port), trust=ca)\n"
            "client.upload_file(b'warm', 'warm')\n"
            "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "result = client.upload_file(path, 'sparse', block_size=4 << 20)\n"
            "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "print(result.size, after - before)\n"
        )
        (device,) = ready["devices"]
        arguments = [device["connection_string"], str(ready["websocket_port"]), ready["ca_file"], str(path)]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=50, check=True
        )
    finally:
        hub_process.terminate()
        hub_process.wait(10)
        hub_process.stdout.close()
    size, grown = map(int, done.stdout.split())
    assert size == 128 * 1024 * 1024
    assert grown * (1 if sys.platform == "darwin" else 1024) < 40 * 1024 * 1024, f"{grown} KiB"
