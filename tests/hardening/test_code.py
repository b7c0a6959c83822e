"""What the package never does, wherever it is written: open a pickle, run text as code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for stage in ("experiments", "modeling", "analysis")
    for path in (ROOT / stage).rglob("*.py")
)
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "yaml.load"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "marshal.loads"),
    *("shelve.open", "joblib.load", "dill.load", "dill.loads", "cloudpickle.load"),
    *("pd.read_pickle", "pandas.read_pickle", "pd.read_hdf", "torch.hub.load", "loadmat"),
    *("tarfile.open", "shutil.unpack_archive"),
}
FORBIDDEN_METHODS = {"extractall", "read_pickle", "to_pickle", "unpack_archive"}
FORBIDDEN_MODULES = {"dill", "cloudpickle", "shelve", "marshal", "joblib", "yaml", "tarfile"}
ARGUMENTS = {
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "np.lib.format.read_array": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
}
"""What a call must say, whatever the library takes for granted."""


ALLOWED = {
    "analysis/twoalike/cli/_derived.py": {"calls compile", "calls eval"},
    "modeling/twoalike/collections/_packed.py": {"imports tarfile", "calls tarfile.open"},
    "experiments/twoalike/study/_reading.py": {"calls loadmat"},
    "experiments/twoalike/online/_fetch.py": {"calls pickle.load"},
}
"""Annotations of our own functions, from which commands are made; headers of archives, of which
nothing is unpacked; MATLAB files, which hold no code; pipes to and from our own processes."""


def faults(code: str) -> Iterator[str]:
    """What is wrong, with its line."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found = FORBIDDEN_MODULES.intersection(name.split(".")[0] for name in names)
            yield from (f"{node.lineno}: imports {name}" for name in found)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
            if name in FORBIDDEN_CALLS or name.rpartition(".")[2] in FORBIDDEN_METHODS:
                yield f"{node.lineno}: calls {name}"
            if name in ARGUMENTS:
                key, value = ARGUMENTS[name]
                if given.get(key) is not value:
                    yield f"{node.lineno}: calls {name} without {key}={value}"
            if given.get("shell"):
                yield f"{node.lineno}: calls {name} with a shell"


def unpicklers(code: str) -> list[str]:
    """Classes that read pickles."""
    return [
        node.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ClassDef)
        and any("Unpickler" in ast.unparse(base) for base in node.bases)
    ]


def test_no_class_reads_pickles() -> None:
    codes = {path: path.read_text(encoding="utf-8") for path in FILES}
    assert not [path for path, code in codes.items() if "Unpickler" in code and unpicklers(code)]


def test_nothing_read_is_run() -> None:
    assert len(FILES) > 200
    found = {
        path: {fault.partition(": ")[2] for fault in faults(path.read_text(encoding="utf-8"))}
        for path in FILES
    }
    named = {path.relative_to(ROOT).as_posix(): one for path, one in found.items() if one}
    assert named == ALLOWED


@pytest.mark.parametrize(
    "code",
    [
        *("import dill", "from joblib import load", "pickle.loads(x)", "pd.read_pickle(p)"),
        *("np.load(p)", "np.load(p, allow_pickle=True)", "torch.load(p, weights_only=False)"),
        *("torch.load(p)", "archive.extractall(p)", "eval(x)", "run(x, shell=True)"),
    ],
)
def test_such_code_would_be_found(code: str) -> None:
    assert len(list(faults(code))) == 1
