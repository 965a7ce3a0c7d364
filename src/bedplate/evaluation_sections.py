"""The settings of online evaluation: which answers are judged while nobody waits, and by what."""

from pydantic import Field

from bedplate.sections import Section, Slot


class EvaluationConfig(Section):
    """A share of the answers is judged beside the traffic; the run `evaluation` pays."""

    share: float = Field(default=1.0, ge=0, le=1)
    """Of the answers that claim something."""
    judge: Slot | None = None
    """Judges them anew; where none is set, what their own check said is kept."""
    max_waiting: int = Field(default=1_000, gt=0)
    """Answers to be judged; further ones are left out."""
    at_once: int = Field(default=2, gt=0, le=64)
    seconds: float = Field(default=60.0, gt=0)
    """The longest time for one."""
    keep_days: float = Field(default=90.0, gt=0, le=36_500)
