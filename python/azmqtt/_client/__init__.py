"""The client of one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from azmqtt import _core
from azmqtt._client.connection import Connection
from azmqtt._client.invoke import MethodCallsMixin
from azmqtt._message import Message
from azmqtt._support.arguments import function, text, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping

    from azmqtt._client.progress import Progress
    from azmqtt._client.upload import Source
    from azmqtt._core import Client, CloudMessage
    from azmqtt._handlers.handlers import Handlers
    from azmqtt._streams import Stream
    from azmqtt._types import DesiredPatch, JsonObject, MethodRequest, ReportedPatch, Twin, UploadResult

    MessageHandler = TypeVar("MessageHandler", bound=Callable[[CloudMessage], Any])
    DesiredHandler = TypeVar("DesiredHandler", bound=Callable[[DesiredPatch], Any])
    MethodHandler = TypeVar("MethodHandler", bound=Callable[[MethodRequest], Any])


class DeviceClient(MethodCallsMixin, Connection):
    """A device, or a module of one, on an IoT Hub.

    Create one with :meth:`from_connection_string`, :meth:`from_symmetric_key`, :meth:`from_sas_token`,
    :meth:`from_certificate` or :meth:`from_signer`. These do no I/O. The first call connects. The client then
    reconnects after a lost connection and renews tokens until you close it. Use it in ``with`` or ``async with``, or
    call :meth:`close`.

    Each call has two forms: the plain name blocks (it releases the GIL and stops on Ctrl-C), and the name with
    ``_async`` is a coroutine. You can mix both on one client, from any thread and any event loop. ``timeout`` is in
    seconds and defaults to the client's. Every call ends with an answer, an error or a timeout.

    Any call may raise:
        ConnectionFailed: No connection could be made.
        AuthenticationFailed: The hub refused the credentials.
        ConnectionLost: The connection was lost and the outcome is unknown.
        RequestTimeout: No answer within the timeout.
        ClientClosed: The client is closed.
        RuntimeError: The client was made in another process, before ``fork()``.
    """

    __slots__ = ()

    _core: Client

    # Telemetry

    def send_message(
        self,
        body: Any,
        *,
        properties: Mapping[str, str] | None = None,
        message_id: str | None = None,
        correlation_id: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        output_name: str | None = None,
        qos: Literal[0, 1] = 1,
        timeout: float | None = None,
    ) -> None:
        """Send one device-to-cloud message and wait until the hub has it (QoS 1) or it is written out (QoS 0).

        Args:
            body: ``bytes`` as they are, ``str`` as ``text/plain``, anything JSON-able as ``application/json``; or a
                whole :class:`~azmqtt.Message`, which has more fields, and then without the arguments below.
            properties: The application's own names and values. A ``UserWarning`` tells of two names that differ in case
                only, of which the service keeps one.
            message_id: ``$.mid``.
            correlation_id: ``$.cid``.
            content_type: ``$.ct``, in place of the one that goes with the body.
            content_encoding: ``$.ce``, the same.
            output_name: ``$.on``: the output of a module, for the routes of its IoT Edge gateway.
            qos: 1 for at least once, 0 for at most once.
            timeout: Seconds; the message is given up after that, unless it is on its way.

        Raises:
            MessageTooLarge: More than 262,144 bytes by the service's count. Nothing was sent.
            ValueError: Names the property that breaks a rule of the service. Nothing was sent.
            TypeError: Names the part of the body that is not JSON. Nothing was sent.
            OutboxFull: Too much waits to be acknowledged. Nothing was sent.
        """
        if not (
            properties is None
            and message_id is None
            and correlation_id is None
            and content_type is None
            and content_encoding is None
            and output_name is None
            and qos == 1
            and qos is not True
        ):
            body = _message(
                body, properties, message_id, correlation_id, content_type, content_encoding, output_name, qos
            )
        self._core.send_message(body, timeout)

    async def send_message_async(
        self,
        body: Any,
        *,
        properties: Mapping[str, str] | None = None,
        message_id: str | None = None,
        correlation_id: str | None = None,
        content_type: str | None = None,
        content_encoding: str | None = None,
        output_name: str | None = None,
        qos: Literal[0, 1] = 1,
        timeout: float | None = None,
    ) -> None:
        """Send one message; see :meth:`send_message`.

        A call that is cancelled does not take its message back: it may still be sent.
        """
        if not (
            properties is None
            and message_id is None
            and correlation_id is None
            and content_type is None
            and content_encoding is None
            and output_name is None
            and qos == 1
            and qos is not True
        ):
            body = _message(
                body, properties, message_id, correlation_id, content_type, content_encoding, output_name, qos
            )
        await self._core.send_message_async(body, timeout)

    def send_messages(
        self, messages: Iterable[Any], *, timeout: float | None = None, progress: Progress | None = None
    ) -> int:
        """Send many messages, pipelined, and wait until the hub has them all.

        The iterable may be endless and slow: a message waits for no more than a few milliseconds for others to go
        with. When the outbox is full, no more are taken until some are acknowledged.

        Args:
            messages: Bodies or :class:`~azmqtt.Message` objects, as for :meth:`send_message`, all at QoS 1 unless
                the message says otherwise.
            timeout: Seconds for each message, from when it is taken.
            progress: Called as ``progress(done, total)`` on the caller's thread (``send_messages_async``: on its
                event loop) whenever more are acknowledged, up to some twenty times a second, and at the end: how many
                the hub has, and how many there are, if ``len(messages)`` says so, or ``None``. With tqdm:
                ``progress=lambda done, total: bar.update(done - bar.n)``. What it raises ends the call.

        Returns:
            How many were acknowledged: all of them.

        Raises:
            IotHubError: The first failure. Its ``acknowledged`` says how many the hub has. No more are taken.
            TypeError: ``messages`` is a single body.
            Exception: What the iterable raised, or a ``ValueError`` or ``TypeError`` for one of its messages. What was
                taken before is sent first; ``acknowledged`` is set on the exception where it can be.
        """
        from azmqtt._client.many import iterate, run

        iterator = iterate(messages, "send_messages", "send_message")
        return run(self._core.sending(timeout), iterator, messages, progress)

    async def send_messages_async(
        self,
        messages: Iterable[Any] | AsyncIterable[Any],
        *,
        timeout: float | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Send many messages, pipelined; see :meth:`send_messages`. Takes an async iterable, too."""
        from azmqtt._client.many import iterate, run_async

        _core.running_loop()  # before anything is sent
        is_async = hasattr(messages, "__aiter__")
        iterator = None if is_async else iterate(cast("Iterable[Any]", messages), "send_messages", "send_message")
        return await run_async(self._core.sending(timeout), iterator, messages, progress)

    # Twin

    def get_twin(self, *, timeout: float | None = None) -> Twin:
        """Read the device twin.

        Raises:
            RequestFailed: The hub answered with an error; ``Throttled`` for too many requests.
        """
        return self._core.get_twin(timeout)

    async def get_twin_async(self, *, timeout: float | None = None) -> Twin:
        """Read the device twin; see :meth:`get_twin`."""
        return await self._core.get_twin_async(timeout)

    def patch_reported_properties(
        self, patch: JsonObject, *, if_version: int | None = None, timeout: float | None = None
    ) -> ReportedPatch:
        """Change the reported properties by a JSON merge patch (RFC 7396): ``None`` removes a property.

        Args:
            patch: A mapping or a dataclass. At most 32 KB by the service's count, 10 levels deep, strings up to 4 KB,
                integers from -2^52 to 2^52-1, no ``None`` within lists, keys up to 1 KB without ``.``, ``$``, ``#``,
                white space and control characters (IoT Hub docs, "device twins": format and size).
            if_version: Change them only if they still have this ``$version``.
            timeout: Seconds.

        Returns:
            The new version, the request id and the status.

        Raises:
            ValueError: Names the path in the patch that breaks a rule. Nothing was sent.
            TypeError: Names the path in the patch that is not JSON. Nothing was sent.
            PreconditionFailed: The properties have another version by now.
            RequestFailed: The hub answered with another error; ``Throttled`` for too many requests.
        """
        return self._core.patch_reported_properties(patch, _version(if_version), timeout)

    async def patch_reported_properties_async(
        self, patch: JsonObject, *, if_version: int | None = None, timeout: float | None = None
    ) -> ReportedPatch:
        """Change the reported properties; see :meth:`patch_reported_properties`."""
        return await self._core.patch_reported_properties_async(patch, _version(if_version), timeout)

    # Files

    def upload_file(
        self,
        file: Source,
        blob_name: str,
        *,
        progress: Progress | None = None,
        content_type: str | None = None,
        block_size: int = 1_048_576,
        timeout: float | None = None,
    ) -> UploadResult:
        """Upload a file to the storage account of the hub (IoT Hub docs, "Upload files with IoT Hub").

        This goes by HTTPS, beside the MQTT connection, and needs none. A file of up to ``block_size`` goes in one
        request, a larger one block by block, with no more than a few blocks in memory. A request that fails for a
        reason that may pass is tried again up to five times, with backoff. Blocks that an earlier upload of the same
        blob left behind, in this process or another, are not sent again if their content is the same.

        Args:
            file: A path (``str`` or ``PathLike``), the content as ``bytes``, or a binary file that is open for reading.
            blob_name: At most 1,024 characters with the device's id, which the hub puts before it. A blob of that name
                is replaced.
            progress: Called with the bytes done and the bytes in all (``None`` if the file cannot tell) after each
                block.
            content_type: The blob's media type.
            block_size: Bytes, from 65,536 to 104,857,600. A file has at most 50,000 blocks.
            timeout: Seconds for the whole; by default it may take as long as it moves on. A single request fails when
                nothing has moved for the client's ``timeout``, and a second for each 8 KiB of it.

        Raises:
            UploadFailed: Storage refused a request; names it, with Storage's own code.
            RequestFailed: The hub refused; ``error_code`` 403006 for more than ten uploads of the device at a time.
            ValueError: An argument that breaks a rule, or the client is a module. Nothing was sent.
            OSError: The file cannot be read. The hub is told that the upload failed.
        """
        from azmqtt._client.upload import Upload

        return Upload(
            self._core,
            file,
            blob_name,
            progress=progress,
            content_type=content_type,
            block_size=block_size,
            timeout=timeout,
        ).run()

    async def upload_file_async(
        self,
        file: Source,
        blob_name: str,
        *,
        progress: Progress | None = None,
        content_type: str | None = None,
        block_size: int = 1_048_576,
        timeout: float | None = None,
    ) -> UploadResult:
        """Upload a file; see :meth:`upload_file`. The file is read on a thread, ``progress`` is called on the loop."""
        from azmqtt._client.upload import Upload

        return await Upload(
            self._core,
            file,
            blob_name,
            progress=progress,
            content_type=content_type,
            block_size=block_size,
            timeout=timeout,
        ).run_async()

    # What the hub sends

    def desired_properties(self, *, timeout: float | None = None) -> Stream[DesiredPatch]:
        """Listen to changes of the desired properties, from now on.

        Each change comes once, in the order of ``$version``; what happened while the line was down comes as one
        change after it is up again.

        Args:
            timeout: How many seconds to wait for each change before the iteration ends; ``None`` for ever.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.DesiredPatch`.
        """
        from azmqtt._streams import Stream

        return Stream(self, "desired", timeout)

    def on_desired_properties(self, handler: DesiredHandler) -> DesiredHandler:
        """Call ``handler`` with every change of the desired properties, from now on. Also a decorator.

        Registering does not wait for the hub. The next call of the client does: when :meth:`connect` or another call
        returns, no change after it is missed.

        A plain function is called on a thread of the package's, one call at a time; an ``async def`` on the event
        loop that is running now, or else on one of the package's. A handler that raises is logged under
        ``azmqtt.handlers``. A client with handlers lives until it is closed, even if nobody else keeps it. There is
        one handler of each kind, and it shares what comes with the iterators.
        """
        self._register("desired", handler)
        return handler

    def messages(self, *, timeout: float | None = None) -> Stream[CloudMessage]:
        """Listen to cloud-to-device messages, from now on; a module to the messages to its inputs.

        Args:
            timeout: How many seconds to wait for each message before the iteration ends; ``None`` for ever.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.CloudMessage`. A message is acknowledged,
            and so complete for the hub, when the next one is asked for or the iteration ends.
        """
        from azmqtt._streams import Stream

        return Stream(self, "messages", timeout)

    def on_message(self, handler: MessageHandler) -> MessageHandler:
        """Call ``handler`` with every cloud-to-device message, from now on. Also a decorator.

        The message is acknowledged after the handler has returned or raised. For the rest see
        :meth:`on_desired_properties`. In a module: with every message to an input that has no handler of its own.
        """
        if self.module_id is None:
            self._register("messages", handler)
        else:
            self._handlers_for(handler).register_input(None, handler)
        return handler

    @overload
    def on_input_message(self, input_name: str, /) -> Callable[[MessageHandler], MessageHandler]: ...

    @overload
    def on_input_message(self, input_name: str, handler: MessageHandler, /) -> MessageHandler: ...

    def on_input_message(self, input_name: str, handler: Any = None, /) -> Any:
        """Take the messages to one input of this module, from now on (IoT Edge docs, "establish routes").

        As a decorator, ``@client.on_input_message("input1")``, or as a plain call. Messages come one at a time, over
        all inputs and in the order in which they were sent, and each is acknowledged after its handler has returned
        or raised. Plain functions run on a thread of the package's, an ``async def`` as a task of the event loop that
        is running now, or else of one of the package's. Messages to inputs without a handler go to :meth:`on_message`;
        where there is none either, they are acknowledged with a log line, so that they hold up no others.

        Args:
            input_name: The input, as the routes name it.
            handler: The function.

        Raises:
            ValueError: The client is a device, which has no inputs, or the name is empty.
            TypeError: The name is not a ``str``, or the handler not callable.
            RuntimeError: There is a handler for it already.
        """
        if callable(input_name):
            raise TypeError('on_input_message takes the name of an input: write @client.on_input_message("input1")')
        text("input_name", input_name)
        if not input_name:
            raise ValueError("input_name must not be empty: on_message takes what comes to every other input")
        if self.module_id is None:
            raise ValueError("only a module has inputs, and this client is a device: messages come to on_message")

        def register(handler: MessageHandler) -> MessageHandler:
            self._handlers_for(handler).register_input(input_name, handler)
            return handler

        return register if handler is None else register(handler)

    @overload
    def on_method(self, name: str | None = None, /) -> Callable[[MethodHandler], MethodHandler]: ...

    @overload
    def on_method(self, name: str | None, handler: MethodHandler, /) -> MethodHandler: ...

    def on_method(self, name: str | None = None, handler: Any = None, /) -> Any:
        """Answer calls of a direct method, from now on (IoT Hub docs, "direct methods").

        As a decorator, ``@client.on_method("reboot")``, or as a plain call, ``client.on_method("reboot", function)``.
        Without a name the handler answers every method that has none of its own; where there is no such handler
        either, the caller gets status 404.

        The handler takes a :class:`~azmqtt.MethodRequest` and returns a JSON-able payload, which goes with status
        200; ``(status, payload)`` or a :class:`~azmqtt.MethodResponse`; or nothing, for 200 and ``null``. A tuple is
        always status and payload. The JSON text has at most 128 KiB. A handler that raises, or returns what cannot be
        sent, is logged under ``azmqtt.handlers``, and the caller gets status 500 without the details.

        Plain functions run on threads of the package's, several at once; an ``async def`` runs as a task of the event
        loop that is running now, or else of one of the package's. At most 64 calls may be without a response;
        further callers get status 429. A response leaves on the connection on which its call came: if that has ended,
        it is dropped with a log line, because the caller has been told that the call failed.

        Args:
            name: The method, case-sensitive; for a component's command ``component*command``.
            handler: The function.

        Raises:
            ValueError: No method can have this name.
            RuntimeError: There is a handler for it already.
        """
        if name is not None:
            if not isinstance(name, str):
                raise TypeError(f"the method's name must be str, not {type(name).__name__}; write @client.on_method()")
            _core.check_method_name(name)

        def register(handler: MethodHandler) -> MethodHandler:
            self._handlers_for(handler).register_method(name, handler)
            return handler

        return register if handler is None else register(handler)

    def _register(self, kind: str, handler: Callable[[Any], Any]) -> None:
        self._handlers_for(handler).register(kind, _core.Events(self._core, kind, None), handler)

    def _handlers_for(self, handler: Callable[[Any], Any]) -> Handlers:
        function("the handler", handler)
        if self._core.state == "closed":
            raise self._core.closed_error
        self._core.announce()
        if self._handlers is None:
            from azmqtt._handlers.handlers import Handlers

            self._handlers = Handlers(self._core, self)
        return self._handlers


def _message(
    body: Any,
    properties: Mapping[str, str] | None,
    message_id: str | None,
    correlation_id: str | None,
    content_type: str | None,
    content_encoding: str | None,
    output_name: str | None,
    qos: Literal[0, 1],
) -> Message:
    if isinstance(body, Message):
        raise TypeError("a Message carries its properties itself: use its method replace to change them")
    return Message(
        body,
        properties=properties,
        message_id=message_id,
        correlation_id=correlation_id,
        content_type=content_type,
        content_encoding=content_encoding,
        output_name=output_name,
        qos=qos,
    )


def _version(if_version: int | None) -> int | None:
    """Check a ``$version``."""
    if if_version is None:
        return None
    return whole("if_version", if_version, 0, 2**64 - 1)
