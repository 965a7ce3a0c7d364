"""Run every benchmark and print machine, commit and figures; docs/benchmarks.md records them."""

import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHES = (
    "bench_footprint", "bench_formats", "bench_ingest", "bench_search", "bench_stores", "bench_retrieval",
    "bench_query_side", "bench_structured", "bench_chunking", "bench_tau2", "bench_ask", "bench_checks", "bench_quote",
    "bench_guards", "bench_bfcl",
)  # fmt: skip


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def main() -> None:
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores")
    print(f"commit {commit()}")
    failed = False
    for name in sys.argv[1:] or BENCHES:
        print(f"\n## {name}", flush=True)
        script = ROOT / "tests" / "bench" / f"{name}.py"
        # As the server sets it, before numpy is imported: BLAS threads triple the CPU of a search.
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        failed |= subprocess.run([sys.executable, str(script)], env=environment).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
