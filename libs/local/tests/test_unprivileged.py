"""Programs run as `nobody` by root must still be found where only root may look, such as a clone in root's home."""

import os
import subprocess
import sys
from pathlib import Path

from kafka_ml_local import unprivileged


def test_a_program_in_a_folder_of_roots_may_be_run(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    program = folder / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    # `test -x` asks access(2), as PostgreSQL's own programs do of each other.
    command = ["/usr/bin/test", "-x", str(program)]
    if os.geteuid() == 0:
        command = [sys.executable, "-I", str(Path(unprivileged.__file__)), *command]
    assert subprocess.run(command, check=False, timeout=30).returncode == 0
