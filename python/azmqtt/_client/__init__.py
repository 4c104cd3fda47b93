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
        """Send a device-to-cloud message; wait until the hub has it (QoS 1) or it is written to the socket (QoS 0).

        Args:
            body: ``bytes`` (sent unchanged), ``str`` (``text/plain``), any JSON-serializable value
                (``application/json``), or a :class:`~azmqtt.Message`, which replaces the arguments below.
            properties: The application properties. Two names that differ only in case cause a ``UserWarning``,
                because the service keeps only one of them.
            message_id: ``$.mid``.
            correlation_id: ``$.cid``.
            content_type: ``$.ct``. Default: set by the type of the body.
            content_encoding: ``$.ce``. Default: set by the type of the body.
            output_name: ``$.on``: the output of a module, for the routes of its IoT Edge gateway.
            qos: 1 for at least once, 0 for at most once.
            timeout: Seconds after which the message is withdrawn, unless it has been sent.

        Raises:
            MessageTooLarge: The message exceeds 262,144 bytes by the service's count. Nothing was sent.
            ValueError: A property violates a rule of the service; the error names it. Nothing was sent.
            TypeError: A part of the body is not JSON; the error names it. Nothing was sent.
            OutboxFull: The outbox is full. Nothing was sent.
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

        Cancelling the call does not withdraw its message, which may still be sent.
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
        """Send many messages, pipelined, and wait until the hub has all of them.

        The iterable may be slow and infinite: a message waits at most a few milliseconds for others in its batch. When
        the outbox is full, the client takes no more messages until the hub has acknowledged some.

        Args:
            messages: Bodies or :class:`~azmqtt.Message` objects, as for :meth:`send_message`. Default QoS: 1.
            timeout: Seconds for each message, from the moment when the client takes it from the iterable.
            progress: Called as ``progress(done, total)`` on the caller's thread (``send_messages_async``: on its
                event loop), at most about twenty times a second, and at the end. ``done`` is the number of
                acknowledged messages, ``total`` is ``len(messages)``, or ``None`` without a length. With tqdm:
                ``progress=lambda done, total: bar.update(done - bar.n)``. An exception in it ends the call.

        Returns:
            The number of acknowledged messages: all of them.

        Raises:
            IotHubError: The first failure. Its ``acknowledged`` is the number of acknowledged messages.
            TypeError: ``messages`` is a single body.
            Exception: The exception of the iterable, or a ``ValueError`` or ``TypeError`` for one of its messages.
                Earlier messages are sent first; ``acknowledged`` is set on the exception if possible.
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
        """Send many messages, pipelined; see :meth:`send_messages`. Also takes an async iterable."""
        from azmqtt._client.many import iterate, run_async

        _core.running_loop()  # before anything is sent
        is_async = hasattr(messages, "__aiter__")
        iterator = None if is_async else iterate(cast("Iterable[Any]", messages), "send_messages", "send_message")
        return await run_async(self._core.sending(timeout), iterator, messages, progress)

    # Twin

    def get_twin(self, *, timeout: float | None = None) -> Twin:
        """Read the device twin.

        Raises:
            RequestFailed: The hub returned an error; ``Throttled`` for too many requests.
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
            if_version: Apply the patch only if the properties still have this ``$version``.
            timeout: Seconds.

        Returns:
            The new version, the request id and the status.

        Raises:
            ValueError: The patch violates a rule; the error names the path. Nothing was sent.
            TypeError: A value is not JSON; the error names the path. Nothing was sent.
            PreconditionFailed: The properties have another version.
            RequestFailed: The hub returned another error; ``Throttled`` for too many requests.
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

        The upload uses HTTPS and does not need an MQTT connection. A file of up to ``block_size`` is uploaded in one
        request, a larger one in blocks, with at most a few blocks in memory. A request with a transient failure is
        repeated up to five times, with backoff. Blocks of an earlier upload of the same blob, in this process or
        another, are not sent again if their content is the same.

        Args:
            file: A path (``str`` or ``PathLike``), the content as ``bytes``, or a binary file that is open for reading.
            blob_name: At most 1,024 characters, including the device id, which the hub prepends. An existing blob of
                this name is replaced.
            progress: Called after each block with the number of uploaded bytes and the total (``None`` if the size is
                unknown).
            content_type: The blob's media type.
            block_size: Bytes, from 65,536 to 104,857,600. A file has at most 50,000 blocks.
            timeout: Seconds for the whole upload. Default: no limit while data moves. A single request fails when no
                data has moved for the client's ``timeout`` plus one second for each 8 KiB of the request.

        Raises:
            UploadFailed: Storage refused a request; the error names the request and Storage's code.
            RequestFailed: The hub refused; ``error_code`` 403006 for more than ten uploads of the device at a time.
            ValueError: An argument violates a rule, or the client is a module. Nothing was sent.
            OSError: The file cannot be read. The client reports the failed upload to the hub.
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
        """Subscribe to changes of the desired properties.

        Each change arrives once, in the order of ``$version``. Changes during a lost connection arrive as one change
        after the reconnect.

        Args:
            timeout: Seconds to wait for each change before the iteration ends; ``None`` for no limit.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.DesiredPatch`.
        """
        from azmqtt._streams import Stream

        return Stream(self, "desired", timeout)

    def on_desired_properties(self, handler: DesiredHandler) -> DesiredHandler:
        """Call ``handler`` with every change of the desired properties. Also a decorator.

        Registering does not wait for the hub. The next call of the client does: after :meth:`connect` or another call
        has returned, no change is missed.

        A plain function runs on a thread of the package, one call at a time. A coroutine function runs on the current
        event loop, or on one of the package if no loop is running. An exception in the handler is logged under
        ``azmqtt.handlers``. A client with handlers lives until it is closed, even without references to it. Each kind
        has one handler, which shares the items with the iterators.
        """
        self._register("desired", handler)
        return handler

    def messages(self, *, timeout: float | None = None) -> Stream[CloudMessage]:
        """Subscribe to cloud-to-device messages; in a module, to the messages of its inputs.

        Args:
            timeout: Seconds to wait for each message before the iteration ends; ``None`` for no limit.

        Returns:
            An iterator for ``for`` and ``async for`` over :class:`~azmqtt.CloudMessage`. A message is acknowledged
            when the loop requests the next one, or when the iteration ends.
        """
        from azmqtt._streams import Stream

        return Stream(self, "messages", timeout)

    def on_message(self, handler: MessageHandler) -> MessageHandler:
        """Call ``handler`` with every cloud-to-device message. Also a decorator.

        The message is acknowledged after the handler has returned or raised. In a module, the handler gets the
        messages of all inputs without their own handler. See also :meth:`on_desired_properties`.
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
        """Call a handler with the messages of one input of this module (IoT Edge docs, "establish routes").

        Use it as a decorator, ``@client.on_input_message("input1")``, or as a plain call. The messages of all inputs
        arrive one at a time, in the order in which they were sent. Each is acknowledged after its handler has returned
        or raised. Plain functions run on a thread of the package, coroutine functions as tasks of the current event
        loop, or of one of the package. Messages to inputs without a handler go to :meth:`on_message`. Without that
        handler, they are acknowledged and logged, so that they do not block other messages.

        Args:
            input_name: The input's name in the routes.
            handler: The function.

        Raises:
            ValueError: The client is a device, which has no inputs, or the name is empty.
            TypeError: The name is not a ``str``, or the handler is not callable.
            RuntimeError: The input already has a handler.
        """
        if callable(input_name):
            raise TypeError('on_input_message takes the name of an input: write @client.on_input_message("input1")')
        text("input_name", input_name)
        if not input_name:
            raise ValueError("input_name must not be empty: on_message receives the messages to all other inputs")
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
        """Answer calls of a direct method (IoT Hub docs, "direct methods").

        Use it as a decorator, ``@client.on_method("reboot")``, or as a plain call,
        ``client.on_method("reboot", function)``. A handler without a name answers all methods without their own
        handler. Without such a handler, the caller gets status 404.

        The handler takes a :class:`~azmqtt.MethodRequest`. It returns a JSON-serializable payload (sent with status
        200), ``(status, payload)``, a :class:`~azmqtt.MethodResponse`, or ``None`` (200 and ``null``). A tuple always
        means status and payload. The JSON text has at most 128 KiB. If a handler raises, or returns a value that
        cannot be sent, ``azmqtt.handlers`` logs it, and the caller gets status 500 without details.

        Plain functions run concurrently on threads of the package, coroutine functions as tasks of the current event
        loop, or of one of the package. At most 64 calls may be waiting or running; further callers get status 429. A
        response must leave on the connection on which its call arrived. If that connection has ended, the client drops
        the response with a log line, because the caller already got an error.

        Args:
            name: The method, case-sensitive; ``component*command`` for the command of a component.
            handler: The function.

        Raises:
            ValueError: The name is not valid for a method.
            RuntimeError: The method already has a handler.
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
