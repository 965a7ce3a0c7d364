"""Parsers: blobs to documents. One file per format; this table is all that names them.

A format is one reader (`protocol.ReadBlob`) and the signs that lead to it. Adding one is its file
and its row; a row of `REFUSED` then goes.
"""

from dataclasses import dataclass

from bedplate.parsers.languages import LANGUAGES
from bedplate.parsers.parts import OpenContainer
from bedplate.parsers.protocol import ReadBlob
from bedplate.registry import Registry


@dataclass(frozen=True, slots=True)
class Format:
    """A format and how it is known.

    `endings` are lower-case file name endings without the dot. `magic` are the bytes such a file
    starts with. `member` is a path that only this kind of zip archive holds, or its start; as
    "mimetype=TYPE" it is what such an archive says of itself.
    `streams` are names, one of which this kind of OLE container holds ([MS-CFB]).
    `reader` is "module:function", and so is `opener`, which a format has that holds other files.
    """

    name: str
    media_type: str
    endings: tuple[str, ...]
    reader: str = ""
    magic: tuple[bytes, ...] = ()
    member: str | None = None
    opener: str = ""
    streams: tuple[str, ...] = ()

    @property
    def binary(self) -> bool:
        """Whether such a file can be told by its bytes and is never plain text."""
        return bool(self.magic or self.member or self.streams)


FORMATS = (
    Format("text", "text/plain", ("txt", "text", "log"), "bedplate.parsers.text:read_text"),
    Format(
        "markdown",
        "text/markdown",
        ("md", "markdown"),
        "bedplate.parsers.markdown:read_markdown",
    ),
    Format("html", "text/html", ("html", "htm", "xhtml"), "bedplate.parsers.html:read_html"),
    Format("pdf", "application/pdf", ("pdf",), "bedplate.parsers.pdf:read_pdf", magic=(b"%PDF-",)),
    Format(
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ("docx", "docm", "dotx"),
        "bedplate.parsers.docx:read_docx",
        member="word/",
    ),
    Format(
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ("pptx", "pptm", "ppsx", "ppsm", "potx"),
        "bedplate.parsers.pptx:read_pptx",
        member="ppt/",
    ),
    Format(
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ("xlsx", "xlsm", "xltx", "xltm", "xlsb"),
        "bedplate.parsers.xlsx:read_xlsx",
        member="xl/",
    ),
    Format(
        "msg",
        "application/vnd.ms-outlook",
        ("msg",),
        "bedplate.parsers.wide:read_msg",
        opener="bedplate.parsers.wide:open_msg",
        streams=("__properties_version1.0",),
    ),
    Format(
        "doc",
        "application/msword",
        ("doc", "dot"),
        "bedplate.parsers.wide:read_doc",
        streams=("WordDocument",),
    ),
    Format(
        "ppt",
        "application/vnd.ms-powerpoint",
        ("ppt", "pps"),
        "bedplate.parsers.wide:read_ppt",
        streams=("PowerPoint Document",),
    ),
    Format(
        "xls",
        "application/vnd.ms-excel",
        ("xls", "xlt"),
        "bedplate.parsers.xlsx:read_xls",
        streams=("Workbook", "Book"),
    ),
    Format(
        "odt",
        "application/vnd.oasis.opendocument.text",
        ("odt", "ott"),
        "bedplate.parsers.odf:read_odt",
        member="mimetype=application/vnd.oasis.opendocument.text",
    ),
    Format(
        "ods",
        "application/vnd.oasis.opendocument.spreadsheet",
        ("ods", "ots"),
        "bedplate.parsers.odf:read_ods",
        member="mimetype=application/vnd.oasis.opendocument.spreadsheet",
    ),
    Format(
        "odp",
        "application/vnd.oasis.opendocument.presentation",
        ("odp", "otp"),
        "bedplate.parsers.odf:read_odp",
        member="mimetype=application/vnd.oasis.opendocument.presentation",
    ),
    Format(
        "epub",
        "application/epub+zip",
        ("epub",),
        "bedplate.parsers.epub:read_epub",
        member="META-INF/container.xml",
    ),
    Format(
        "image",
        "image/png",
        ("png", "jpg", "jpeg", "gif", "tif", "tiff", "webp", "bmp"),
        "bedplate.parsers.image:read_image",
        magic=(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*"),
    ),
    Format("jsonl", "application/jsonl", ("jsonl", "ndjson"), "bedplate.parsers.jsonl:read_jsonl"),
    Format("csv", "text/csv", ("csv", "tsv"), "bedplate.parsers.csv:read_csv"),
    Format(
        "rtf",
        "application/rtf",
        ("rtf",),
        "bedplate.parsers.rtf:read_rtf",
        magic=(b"{\\rtf",),
    ),
    Format(
        "markup",
        "text/x-markup",
        ("rst", "rest", "org", "adoc", "asciidoc", "asc", "tex", "latex", "typ"),
        "bedplate.parsers.light_markup:read_light_markup",
    ),
    Format(
        "code",
        "text/x-code",
        tuple(LANGUAGES),
        "bedplate.parsers.source_code:read_source_code",
    ),
    Format(
        "subtitles",
        "text/vtt",
        ("srt", "vtt", "sbv", "ass", "ssa"),
        "bedplate.parsers.subtitles:read_subtitles",
    ),
    Format(
        "sound",
        "audio/mpeg",
        ("mp3", "mp4", "m4a", "wav", "mov", "webm", "ogg", "opus", "flac", "aac", "mkv", "avi"),
        "bedplate.parsers.speech:read_sound",
        magic=(b"ID3\x03", b"ID3\x04", b"OggS\0", b"fLaC\0", b"\x1aE\xdf\xa3"),
    ),
    Format(
        "json", "application/json", ("json", "geojson"), "bedplate.parsers.json_values:read_json"
    ),
    Format(
        "xml",
        "application/xml",
        ("xml", "docbook", "dbk", "opml", "rss", "atom", "kml", "gpx"),
        "bedplate.parsers.xml_elements:read_xml",
    ),
    Format(
        "zip",
        "application/zip",
        ("zip", "jar"),
        "bedplate.parsers.zip:read_zip",
        magic=(b"PK\x03\x04", b"PK\x05\x06"),
        opener="bedplate.parsers.zip:open_zip",
    ),
    Format(
        "tar",
        "application/x-tar",
        ("tar",),
        "bedplate.parsers.tar:read_tar",
        opener="bedplate.parsers.tar:open_tar",
    ),
    Format(
        "gzip",
        "application/gzip",
        ("gz", "tgz"),
        "bedplate.parsers.compressed:read_gzip",
        magic=(b"\x1f\x8b\x08",),
        opener="bedplate.parsers.compressed:open_gzip",
    ),
    Format(
        "bzip2",
        "application/x-bzip2",
        ("bz2", "tbz2"),
        "bedplate.parsers.compressed:read_bzip2",
        magic=tuple(b"BZh%d1AY&SY" % n for n in range(1, 10)),
        opener="bedplate.parsers.compressed:open_bzip2",
    ),
    Format(
        "xz",
        "application/x-xz",
        ("xz", "txz"),
        "bedplate.parsers.compressed:read_xz",
        magic=(b"\xfd7zXZ\0",),
        opener="bedplate.parsers.compressed:open_xz",
    ),
    Format(
        "eml",
        "message/rfc822",
        ("eml", "p7s"),
        "bedplate.parsers.eml:read_eml",
        opener="bedplate.parsers.eml:open_eml",
    ),
    Format(
        "mbox",
        "application/mbox",
        ("mbox", "mbx"),
        "bedplate.parsers.mbox:read_mbox",
        opener="bedplate.parsers.mbox:open_mbox",
    ),
)

REFUSED = (
    Format("S/MIME, sealed (p7m)", "application/pkcs7-mime", ("p7m",)),
    Format(
        "opendocument",
        "application/vnd.oasis.opendocument.graphics",
        ("odg", "odf", "odb"),
        member="META-INF/manifest.xml",
    ),
    Format("Office file of another kind (OLE)", "application/x-ole-storage", ("pub", "vsd")),
    Format("picture of a kind that is not read", "image/heic", ("heic", "heif", "avif", "ico")),
    Format("7z", "application/x-7z-compressed", ("7z",), magic=(b"7z\xbc\xaf\x27\x1c",)),
    Format("rar", "application/vnd.rar", ("rar",), magic=(b"Rar!\x1a\x07",)),
    Format("program", "application/x-executable", ("exe", "dll", "so"), magic=(b"\x7fELF",)),
    Format("sqlite", "application/vnd.sqlite3", ("db", "sqlite"), magic=(b"SQLite format 3\0",)),
    Format("parquet", "application/vnd.apache.parquet", ("parquet",), magic=(b"PAR1\x15",)),
)
"""What is known but not read: it is refused by its name, whatever its file is called."""

READERS = Registry[ReadBlob]("parsers", {known.name: known.reader for known in FORMATS})

OPENERS = Registry[OpenContainer](
    "parsers", {known.name: known.opener for known in FORMATS if known.opener}
)
"""How the parts of those formats are had that hold other files."""
