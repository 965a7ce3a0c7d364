"""Calls of Pinecone: bounded in time, and their failures in Bedplate's errors."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pinecone import errors as vendor

from bedplate.errors import ConfigError, Conflict, NotFound, StorageError, Unavailable

LONGEST_MESSAGE = 500


@asynccontextmanager
async def call(url: str, seconds: float) -> AsyncGenerator[None]:
    """Runs one call; `seconds` bound it with the repeats that the client makes by itself.

    Raises:
        NotFound, Conflict: what is named is not there, or is there already.
        ConfigError: the key is refused.
        Unavailable: no answer, too many requests, or the service failed.
        StorageError: it refused the request.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except vendor.NotFoundError as error:
        raise NotFound(f"Pinecone at {url}: {_told(error)}") from error
    except vendor.ConflictError as error:
        raise Conflict(f"Pinecone at {url}: {_told(error)}") from error
    except vendor.UnauthorizedError as error:
        raise ConfigError(
            f"Pinecone at {url} refused the API key; check api_key, and that it belongs to the "
            "index's project."
        ) from error
    except (vendor.ForbiddenError, vendor.PaymentRequiredError) as error:
        raise ConfigError(
            f"Pinecone at {url} does not allow this: {_told(error)}; check the rights of the key "
            "and the limits of the plan."
        ) from error
    except vendor.RateLimitError as error:
        raise Unavailable(
            f"Pinecone at {url} takes no more requests now: {_told(error)}; try again later."
        ) from error
    except vendor.ServiceError as error:
        raise Unavailable(
            f"Pinecone at {url} failed with status {error.status_code}: {_told(error)}; try again "
            "later."
        ) from error
    except (vendor.PineconeConnectionError, vendor.PineconeTimeoutError) as error:
        raise Unavailable(
            f"Pinecone cannot be reached at {url}: {_told(error)}; check the address and the "
            "network, then try again."
        ) from error
    except vendor.PineconeError as error:
        raise StorageError(f"Pinecone at {url} refused the request: {_told(error)}") from error
    except TimeoutError as error:
        raise Unavailable(
            f"Pinecone at {url} gave no answer within {seconds:g} s (seconds); try again later."
        ) from error


def _told(error: vendor.PineconeError) -> str:
    return str(error)[:LONGEST_MESSAGE]
