"""What auditors get runs anywhere: Python and its standard library, nothing installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from agent_events import proofs
from agent_events.proofs import SigningKey, TlogProof, inclusion_proof

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from bundle.note import TlogProof, VerifierKey
case = json.load(sys.stdin)
proof = TlogProof.parse(case["proof"])
checkpoint = proof.verify(bytes.fromhex(case["leaf"]), [VerifierKey.parse(case["vkey"])])
foreign = {name.partition(".")[0] for name in sys.modules}
foreign -= {"bundle", "__main__", *sys.stdlib_module_names}
print(json.dumps([checkpoint.origin, checkpoint.tree_size, sorted(foreign)]))
"""


def test_three_files_verify_on_their_own(
    tmp_path: Path, key: SigningKey, leaves: list[bytes], note: str
) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "__init__.py").touch()
    for name in ("ed25519.py", "merkle.py", "note.py"):
        shutil.copy(Path(proofs.__file__).parent / name, bundle)
    proof = TlogProof(1, tuple(inclusion_proof(leaves, 1)), note)
    case = {"proof": proof.text(), "leaf": leaves[1].hex(), "vkey": key.vkey().text()}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(tmp_path)],
        input=json.dumps(case),
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == ["ledger.example/acme", 5, []]
