"""What is searched for, and how."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.accounts import LOCAL, Account
from bedplate.domain.retrieval import Mode, Sort


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search.

    `filter` is JSON (text or parsed) or an expression, checked against the collection's schema.
    `join` narrows by declared business tables, `{table: condition}`: some row of each must belong
    to the document and meet the condition, which names columns in either notation of filters.
    Without `text` filter and join alone select, one hit a document. `sort` puts everything that passes
    the filter in the order of a field instead of by relevance; `text` must then be empty.
    `offset` hits are passed over first: pages of one request are parts of one order, which does not
    depend on `limit`, as long as the data stay the same. Offset and limit together reach at most
    as far as `limit` alone may.
    `unique` leaves out copies of a better hit, `current` documents of which there is a newer
    version, unless the filter chooses by date. `diversity` stands in for the configured one, where
    hybrid search makes use of it. `deadline` is on the event loop's clock.

    `self_query` lets the conditions and the order that `text` speaks of become filter and sort;
    what is left of the text is searched for. Where nothing is left, the documents that pass are
    the hits, or, `by_relevance`, the passages of theirs that fit the whole text. `narrowed` is a
    filter that must hold as well as `filter`. How many documents the text speaks of ("the cheapest
    tent") counts as well, unless `limit` is one that the caller has `limit_given`.
    `images` lets pictures that show what `text` says be hits too (rag/images.py), in hybrid mode
    and where there is an image embedder. Without `rerank` no reranker reads the hits. `wide` shows
    each passage in its window, where its chunker gave it one (rag/windows.py). `account` pays for a
    model that reads the text.
    """

    text: str = ""
    mode: Mode = "hybrid"
    filter: str | Mapping[str, object] | None = None
    sort: Sort | None = None
    limit: int = 10
    offset: int = 0
    unique: bool = False
    current: bool = False
    diversity: float | None = None
    deadline: float | None = None
    self_query: bool = False
    by_relevance: bool = False
    limit_given: bool = False
    narrowed: Mapping[str, object] | None = None
    join: Mapping[str, object] | None = None
    images: bool = False
    rerank: bool = True
    wide: bool = False
    account: Account = LOCAL
