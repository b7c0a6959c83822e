"""Compare a wheel with the source roots: every file of the package, and nothing else.

python scripts/wheel_holds_all.py dist/twoalike-0.1.0-py3-none-any.whl
"""

import subprocess
import sys
from zipfile import ZipFile

ROOTS = ("experiments", "modeling", "analysis")


def main() -> None:
    """End with what is missing or too much, if anything is."""
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *(f"{root}/twoalike" for root in ROOTS)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    wanted = {name.split("/", 1)[1] for name in tracked}
    names = ZipFile(sys.argv[1]).namelist()
    found = {name for name in names if ".dist-info/" not in name}
    if wanted != found:
        sys.exit(
            f"wheel: missing {sorted(wanted - found)}, not of the package {sorted(found - wanted)}"
        )
    if not any(name.endswith("licenses/LICENSE") for name in names):
        sys.exit("wheel: it holds no licence")


if __name__ == "__main__":
    main()
