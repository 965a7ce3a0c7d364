"""The settings of metrics: where they go by themselves, beside being asked for."""

from collections.abc import Mapping

from pydantic import Field, HttpUrl, SecretStr

from bedplate.sections import Section


class MetricExportConfig(Section):
    """A place for metrics, by OTLP over HTTP."""

    url: HttpUrl
    """With its path, which mostly ends in /v1/metrics."""
    headers: Mapping[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    resource: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Attributes of the resource, such as the name of a deployment."""
    seconds: float = Field(default=10.0, gt=0)


class MetricsConfig(Section):
    every_seconds: float = Field(default=60.0, ge=1)
    """Between two exports."""
    exports: Mapping[str, MetricExportConfig] = Field(default_factory=dict[str, MetricExportConfig])
