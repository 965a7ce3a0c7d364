"""Sources: places that collections are kept in step with. One file per kind; this table is all that names them."""

from bedplate.registry import Registry
from bedplate.sources.protocol import OpenSource

SOURCES = Registry[OpenSource](
    "sources",
    {
        "folder": "bedplate.sources.folder:open_folder",
        "imap": "bedplate.sources.imap:open_imap",
        "push": "bedplate.sources.push:open_push",
        "s3": "bedplate.sources.s3:open_s3",
        "sql": "bedplate.sources.sql:open_sql",
        "web": "bedplate.sources.web:open_web",
    },
)
