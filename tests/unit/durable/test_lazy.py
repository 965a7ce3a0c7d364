import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module", ["bedplate.durable.waiting", "bedplate.app", "bedplate.cli.main"]
)
def test_dbos_is_not_loaded_by_what_only_speaks_of_durable_work(module: str) -> None:
    code = f"import sys, {module}; sys.exit(int(bool({{'dbos', 'sqlalchemy'}} & set(sys.modules))))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
