"""What stands for tenants, collections and ids in an engine: hashes of 32 hexadecimal digits.

Two of them are the same once in 10^38 pairs (BLAKE2b, RFC 7693).
"""

from hashlib import blake2b

from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Scope


def scope_key(scope: Scope) -> str:
    return _hash(scope.tenant, scope.collection)


def document_key(document: DocumentId) -> str:
    return _hash(document)


def row_key(scope: Scope, chunk: ChunkId) -> str:
    """The primary key of a chunk among all tenants' chunks."""
    return _hash(scope.tenant, scope.collection, chunk)


def _hash(*parts: str) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
