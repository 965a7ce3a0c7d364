"""Calls to a Milvus server: on a bounded number of threads, in finite time, in Bedplate's errors.

pymilvus's asynchronous client is marked experimental, and making an index with it needs a call
that milvus-lite does not have; this is its ordinary client.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import grpc
from pymilvus import MilvusClient, MilvusException
from pymilvus.exceptions import ErrorCode

from bedplate.errors import BedplateError, ConfigError, NotFound, StorageError, Unavailable
from bedplate.stores.milvus_schema import MilvusOptions

T = TypeVar("T")

MAX_MESSAGE = 300
LITE = "milvus_lite"
CONNECT_FAILED = 2
NOT_LOADED = 101
NO_DATABASE = 800
RATE_LIMITED = {ErrorCode.RATE_LIMIT, ErrorCode.FORCE_DENY}
# gRPC's names for what a later call may not meet, and for what the token may not do.
PASSING = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED", "ABORTED"}
FORBIDDEN = {"UNAUTHENTICATED", "PERMISSION_DENIED"}


class Calls:
    def __init__(self, client: Any, executor: ThreadPoolExecutor, options: MilvusOptions) -> None:
        self._client = client
        self._executor = executor
        self._options = options

    async def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of MilvusClient, within the option `seconds`.

        Raises:
            NotFound: the collection that it names is not there.
            Unavailable: the server cannot be reached, is too slow or too busy.
            ConfigError: it refuses the token.
            StorageError: it refuses the call.
        """
        bound = cast(Callable[..., Any], getattr(self._client, method))
        seconds = self._options.seconds

        def work() -> Any:
            try:
                return bound(*args, timeout=seconds, **kwargs)
            except MilvusException as error:
                if error.code != NOT_LOADED:
                    raise
                # The server was started again, or somebody released the collection.
                self._client.load_collection(args[0], timeout=seconds)
                return bound(*args, timeout=seconds, **kwargs)

        try:
            return await _on(self._executor, work)
        except MilvusException as error:
            if error.code == ErrorCode.COLLECTION_NOT_FOUND:
                raise NotFound(f"Milvus at {self._options.uri}: {error.message}") from error
            raise translated(error, self._options) from error


async def _on(executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    """With gRPC's errors, some of which pymilvus lets through, as pymilvus's own."""

    def guarded() -> T:
        try:
            return work()
        except grpc.RpcError as error:
            call = cast(Any, error)
            raise MilvusException(call.code(), call.details()) from error

    return await asyncio.get_running_loop().run_in_executor(executor, guarded)


def translated(error: Any, options: MilvusOptions) -> BedplateError:
    """A MilvusException as one of ours. The token never reaches a message."""
    label = f"Milvus at {options.uri}"
    said = str(error.message)[:MAX_MESSAGE]
    if options.token is not None:
        said = said.replace(options.token.get_secret_value(), "[token]")
    status = getattr(error.code, "name", "") or _status(error.__cause__)
    if status in FORBIDDEN or "auth check failure" in said:
        return ConfigError(f"{label} refuses access; check store.token and its rights: {said}")
    if error.code == NO_DATABASE:
        return ConfigError(f"{label} has no database {options.db_name!r}; make it first: {said}")
    if status in PASSING or error.code in (CONNECT_FAILED, *RATE_LIMITED):
        return Unavailable(
            f"{label} cannot be reached or took longer than {options.seconds:g} s (seconds); is it "
            f"running, and is store.uri right? {said}"
        )
    return StorageError(f"{label} refused the call: {said}")


def _status(cause: BaseException | None) -> str:
    """The name of gRPC's code, where pymilvus keeps it to itself."""
    return cast(Any, cause).code().name if isinstance(cause, grpc.RpcError) else ""


@asynccontextmanager
async def open_calls(options: MilvusOptions) -> AsyncGenerator[Calls]:
    """Connect; Unavailable or ConfigError if that is not possible within `seconds`."""
    token = "" if options.token is None else options.token.get_secret_value()
    executor = ThreadPoolExecutor(options.workers, thread_name_prefix="milvus")
    try:
        try:
            client = await _on(
                executor,
                lambda: MilvusClient(
                    uri=options.uri,
                    token=token,
                    db_name=options.db_name,
                    timeout=options.seconds,
                    dedicated=True,
                ),
            )
        except MilvusException as error:
            raise translated(error, options) from error
        try:
            yield Calls(client, executor, options)
        finally:
            await _on(executor, client.close)
    finally:
        executor.shutdown(wait=False)
