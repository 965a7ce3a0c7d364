"""All that is kept, over whichever database reads our SQL."""

from bedplate.objects.batch_rows import SqlBatches, SqlBatchLines
from bedplate.objects.due_rows import SqlDue
from bedplate.objects.file_rows import SqlFiles
from bedplate.objects.store_file_rows import SqlFileBatches, SqlStoreFiles
from bedplate.objects.store_rows import SqlVectorStores
from bedplate.objects.upload_rows import SqlUploads
from bedplate.sql import Sessions


class SqlObjects:
    def __init__(self, sessions: Sessions) -> None:
        self.files = SqlFiles(sessions)
        self.uploads = SqlUploads(sessions)
        self.stores = SqlVectorStores(sessions)
        self.store_files = SqlStoreFiles(sessions)
        self.file_batches = SqlFileBatches(sessions)
        self.batches = SqlBatches(sessions)
        self.batch_lines = SqlBatchLines(sessions)
        self.due = SqlDue(sessions)
