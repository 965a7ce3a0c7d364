"""What other flows know of online evaluation."""

from typing import Protocol

from bedplate.domain.evaluations import Answered


class WatchAnswers(Protocol):
    """Is told of answers as they leave."""

    def saw(self, answered: Answered) -> None:
        """Judge it later, where it is drawn. Never waits, never raises."""
        ...
