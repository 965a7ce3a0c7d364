"""What DBOS and the database under it refuse, said in our own errors."""

from collections.abc import Generator
from contextlib import contextmanager

from dbos import error as refused
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bedplate.errors import StorageError, Unavailable


@contextmanager
def translated(place: str) -> Generator[None]:
    """Raise DBOS's and SQLAlchemy's errors as ours; `place` names the file or database."""
    try:
        yield
    except PoolTimeout as error:
        raise Unavailable(f"{place} gave no connection in time: try again.") from error
    except OperationalError as error:
        said = str(error.orig).strip().partition("\n")[0]
        if "locked" in said:
            raise Unavailable(f"{place} is held by another process: try again.") from error
        raise StorageError(f"{place} cannot be read or written: {said}.") from error
    except SQLAlchemyError as error:
        raise StorageError(f"{place} refused the request: {error}.") from error
    except refused.DBOSException as error:
        raise StorageError(f"{place} refused the request: {error}.") from error
