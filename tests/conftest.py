"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes, or is drawn, says how busy the machine is.
settings.register_profile(
    "untimed", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("untimed"), max_examples=200)
settings.load_profile("untimed")
