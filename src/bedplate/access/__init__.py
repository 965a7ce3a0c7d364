"""Access keys: who may call, for which tenant, and to do what."""

from bedplate.access.protocol import OpenAccessKeys
from bedplate.registry import Registry

ACCESS_KEYS = Registry[OpenAccessKeys]("access", {"sqlite": "bedplate.access.sqlite:open_keys"})
