"""The mutator itself, and its short form."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from defects import find_defects

SOURCE = '''
LIMIT = 3
REASONS = {401: Reason.TOKEN, 404: Reason.ADDRESS}

def judge(rows, most):
    """Count from 1."""
    log.info("judged", rows=2)
    if not rows and most >= LIMIT:
        return False
    return select(rows).where(rows.a == most, ~rows.b)
'''


def test_every_kind_of_defect_is_put_in(tmp_path: Path) -> None:
    """Each once, by a name of its own, into a source that can be read and differs; texts and the log stay."""
    (tmp_path / "module.py").write_text(SOURCE, encoding="utf-8")
    found = find_defects(tmp_path, "module.py")
    assert {each.name for each in found} >= {
        "LIMIT: 3 => 2",
        "REASONS: Reason.TOKEN => Reason.ADDRESS",
        "REASONS: Reason.ADDRESS => Reason.TOKEN",
        "judge: most >= LIMIT => most > LIMIT",
        "judge: most >= LIMIT => most < LIMIT",
        "judge: not rows => rows",
        "judge: not rows and most >= LIMIT => not rows or most >= LIMIT",
        "judge: False => True",
        "judge: return False => deleted",
        "judge: ~rows.b => rows.b",
        "judge: ~rows.b in select(rows).where(rows.a == most, ~rows.b) => left out",
    }
    broken = [each.break_source(SOURCE) for each in found]
    assert len({each.name for each in found}) == len(found) == len(set(broken))
    whole = ast.unparse(ast.parse(SOURCE)) + "\n"
    for text in broken:
        ast.parse(text)
        assert text != whole
        assert 'log.info("judged", rows=2)'.replace('"', "'") in text
        assert "Count from 1." in text


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_short_form_of_the_proof_notices_nearly_all() -> None:
    """A few defects in as many modules as they fall into."""
    command = [sys.executable, Path(__file__).with_name("mutate.py"), "--count", "4", "--seed", "3", "--least", "75"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of" in done.stdout
