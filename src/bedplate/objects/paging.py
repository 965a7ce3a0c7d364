"""Pages of lists, as SQL over columns that sort by time."""

from typing import Any

from bedplate.objects.protocol import Page


def page_of(page: Page, key: str, cursor: str = "?") -> tuple[str, list[Any], str]:
    """Conditions with their values, and the order. `key` sorts by time; `cursor` finds an id's key.

    The page before an id is read backwards: whoever reads it turns it round (`turned`).
    """
    conditions, values = "", list[Any]()
    newest_first = page.order == "desc"
    for id, beyond in ((page.after, not newest_first), (page.before, newest_first)):
        if id is not None:
            conditions += f" AND {key} {'>' if beyond else '<'} {cursor}"
            values.append(id)
    descending = newest_first != turned(page)
    way = " DESC" if descending else ""
    columns = key.strip("()").split(", ")
    return conditions, values, ", ".join(f"{column}{way}" for column in columns)


def turned(page: Page) -> bool:
    """Whether rows come in the opposite order to the page's."""
    return page.before is not None and page.after is None
