"""What PostgreSQL and the way to it refuse, said in our own errors."""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolTimeout, TooManyRequests

from bedplate.errors import BedplateError, ConfigError, InvalidInput, StorageError, Unavailable

NOTHING_WRITTEN = "Nothing was written by this step; what was acknowledged before is safe."


@contextmanager
def translated(place: str) -> Generator[None]:
    """Raise psycopg's errors as ours; `place` names the database, without a password."""
    try:
        yield
    except (PoolTimeout, TooManyRequests) as error:
        raise Unavailable(f"{place} gave no connection in time: is it running?") from error
    except psycopg.Error as error:
        raise _translate(error, place) from error
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{error.object[:80]!r} is not valid Unicode: it holds half of a surrogate pair."
        ) from error


def _translate(error: psycopg.Error, place: str) -> BedplateError:
    match error:
        case errors.DiskFull():
            return StorageError(
                f"There is no room left for {place}: free some disk space and try again. "
                + NOTHING_WRITTEN
            )
        case errors.LockNotAvailable() | errors.DeadlockDetected() | errors.SerializationFailure():
            return Unavailable(f"{place} is busy with another write: try again.")
        case errors.QueryCanceled():
            return Unavailable(f"{place} took too long and was interrupted: try again.")
        case errors.InsufficientPrivilege() | errors.InvalidSchemaName() | errors.UndefinedTable():
            return StorageError(f"{place} refused the request: {first_line(error)}.")
        case errors.ProgramLimitExceeded():
            return InvalidInput(
                f"An id or a name is too long for {place}, which indexes about 2,700 bytes: "
                "shorten it."
            )
        case errors.DataError():
            return InvalidInput(f"{place} cannot keep the value: {first_line(error)}.")
        case psycopg.OperationalError() if _is_about_connection(error):
            return Unavailable(
                f"{place} cannot be reached or broke the connection: {first_line(error)}. "
                "Is it running?"
            )
        case _:
            return StorageError(f"{place} refused the request: {first_line(error)}.")


def cannot_open(error: psycopg.Error, place: str) -> BedplateError:
    """The error of a first connection: what only another configuration cures is a ConfigError.

    libpq gives no SQLSTATE for a connection that was refused, so these are told by their words.
    """
    said = str(error)
    if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
        return ConfigError(
            "data.database is no address of a PostgreSQL database: write it as "
            "postgresql://user:password@host:5432/name."
        )
    if any(word in said for word in ("authentication failed", "no password supplied", "pg_hba")):
        return ConfigError(f"{place} does not let us in: correct user and password there.")
    if "does not exist" in said:
        return ConfigError(f"{place}: {first_line(error)}. Make it, or correct data.database.")
    return _translate(error, place)


def _is_about_connection(error: psycopg.Error) -> bool:
    """No SQLSTATE, or one of class 08 (connection), 53 (resources) or 57 (operator)."""
    return error.sqlstate is None or error.sqlstate[:2] in ("08", "53", "57")


def first_line(error: psycopg.Error) -> str:
    """What the server said, without details and position."""
    text = error.diag.message_primary or str(error)
    return text.strip().partition("\n")[0].rstrip(".")
