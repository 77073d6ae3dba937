"""The types are complete and match the extension; mypy and pyright accept them. The examples in the documentation run."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path

import headcount
import pytest

#: The source; the installed file is a copy.
SOURCE = Path(__file__).parents[2] / "crates/headcount-python/python/headcount/__init__.pyi"

USES = '''
import headcount

telemetry = headcount.start("fw", "1", switches=("FW_OFF",))
llm = headcount.Llm("gpt-4o", temperature=0.2, top_k=40)
agent = headcount.Agent("Role", llm=llm, tools=["search", headcount.Tool("read")])
task = headcount.Task("Find", agent=agent, context=[headcount.Task("Before")])
crew = headcount.Crew([agent], [task], process="sequential", inputs="{}")

def by_hand() -> headcount.Counters:
    run = telemetry.crew(crew)
    run.task(task).fail(ValueError)
    run.complete("output")
    return telemetry.counters()

def with_blocks() -> int:
    with telemetry.crew(crew) as run, run.task(task) as doing:
        doing.share_input("input")
        doing.output = "output"
        run.output = None
        return telemetry.counters().recorded

async def with_async_blocks() -> None:
    async with telemetry.crew(crew) as run, run.task(task) as doing:
        doing.output = "output"
    async with telemetry.flow("Flow", origin="user") as flow:
        flow.method_failed(TimeoutError())
'''
#: Each line is a mistake that a type checker has to find.
MISTAKES = '''
import headcount
headcount.Agent(1)
headcount.Agent("Role", max_rpm="10")
headcount.Crew(agents=[headcount.Task("Find")])
headcount.Telemetry.off().tool_used(b"search")
headcount.Telemetry.off().counters().recorded = 1
headcount.Crew(share="yes")
headcount.Telemetry.off().feature_used()
'''


def targets(module: ast.Module) -> list[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    """The documented objects of a stub: classes, functions, methods and properties, by qualified name."""
    found: list[tuple[str, ast.ClassDef | ast.FunctionDef]] = []
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            found.append((node.name, node))
            for member in node.body:
                if not isinstance(member, ast.FunctionDef) or member.name.startswith("_"):
                    continue
                # A property's setter has no documentation of its own.
                if not any(isinstance(decorator, ast.Attribute) for decorator in member.decorator_list):
                    found.append((f"{node.name}.{member.name}", member))
        elif isinstance(node, ast.FunctionDef):
            found.append((node.name, node))
    return found


def runtime_documentation(qualified: str) -> str:
    subject: object = headcount
    for name in qualified.split("."):
        subject = getattr(subject, name)
    return inspect.cleandoc(getattr(subject, "__doc__", None) or "")


def with_documentation(text: str) -> str:
    """The stub with the docstrings of the extension."""
    lines = text.splitlines()
    for qualified, node in reversed(targets(ast.parse(text))):
        body = node.body[0]
        is_class = isinstance(node, ast.ClassDef)
        indent = " " * (node.col_offset + 4)
        documentation = runtime_documentation(qualified).splitlines()
        block = [indent + '"""' + documentation[0], *(indent + line if line else "" for line in documentation[1:])]
        block = [block[0] + '"""'] if len(block) == 1 else [*block, indent + '"""']
        old = body if isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant) and body.value.value is not ... else None
        if old is not None:
            lines[old.lineno - 1 : old.end_lineno] = block
        elif is_class:
            lines[body.lineno - 1 - len(getattr(body, "decorator_list", [])) : body.lineno - 1 - len(getattr(body, "decorator_list", []))] = block
        else:
            signature = lines[body.lineno - 1].removesuffix(" ...")
            lines[body.lineno - 1 : body.end_lineno] = [signature, *block]
    return "\n".join(lines) + "\n"


def test_the_stub_documents_what_the_extension_documents() -> None:
    """`UPDATE_STUBS=1` writes the documentation into the stub."""
    if os.environ.get("UPDATE_STUBS"):
        SOURCE.write_text(with_documentation(SOURCE.read_text()))
    text = SOURCE.read_text()
    for qualified, node in targets(ast.parse(text)):
        documentation = runtime_documentation(qualified)
        assert documentation, f"{qualified} has no documentation"
        assert ast.get_docstring(node) == documentation, f"{qualified}: run with UPDATE_STUBS=1 to update the stub"


def test_the_examples_run() -> None:
    runner = doctest.DocTestRunner(verbose=False)
    finder = doctest.DocTestFinder()
    examples = finder.find(headcount)
    # It does not take a function of an extension for one of the module's.
    examples += finder.find(headcount.start, "headcount.start", module=False, globs={})
    with_examples = [example for example in examples if example.examples]
    for example in with_examples:
        assert runner.run(example).failed == 0, example.name
    # Each thing that a caller makes or starts has one.
    documented = {example.name.removeprefix("headcount.") for example in with_examples}
    assert {"Agent", "Crew", "CrewRun", "Deployment", "FlowRun", "Llm", "Task", "TaskRun", "Telemetry", "Tool", "start"} <= documented
    assert "headcount" in documented


def test_help_shows_signatures_and_documentation() -> None:
    for name in headcount.__all__:
        subject = getattr(headcount, name)
        if callable(subject):
            assert subject.__doc__
        if isinstance(subject, type):
            assert subject.__module__ == "headcount"
    assert str(inspect.signature(headcount.Telemetry.tool_used)) == "(self, /, tool, attempts=1, llm=None)"


def test_former_names_still_work() -> None:
    telemetry = headcount.Telemetry.off()
    assert headcount.Books is headcount.Counters
    assert telemetry.books() == telemetry.counters()


def run(*command: str) -> subprocess.CompletedProcess[str]:
    # Pyright asks the `python` of the command path where packages are.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, timeout=300, env=environment)


def wants(module: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(missing, reason=f"{module} is installed beside the newest Python only")


@wants("mypy")
def test_mypy_finds_the_mistakes_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "uses.py").write_text(USES)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    strict = ("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"))
    good = run(*strict, str(tmp_path / "uses.py"))
    assert good.returncode == 0, good.stdout
    bad = run(*strict, str(tmp_path / "mistakes.py"))
    lines = {int(line.split(":")[1]) for line in bad.stdout.splitlines() if ": error:" in line}
    assert lines == set(range(3, MISTAKES.count("\n") + 1)), bad.stdout


@wants("mypy")
def test_the_stub_is_true_to_the_extension() -> None:
    checked = run("mypy.stubtest", "headcount")
    assert checked.returncode == 0, checked.stdout


@wants("mypy")
def test_the_python_files_are_typed(tmp_path: Path) -> None:
    checked = run("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "-p", "headcount")
    assert checked.returncode == 0, checked.stdout


@wants("mypy")
def test_the_tests_are_typed(tmp_path: Path) -> None:
    """They use the package as a program does."""
    here = Path(__file__).parent
    files = [str(file) for file in [*here.glob("*.py"), here.parents[1] / "bench/python/measure.py"]]
    checked = run("mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), *files)
    assert checked.returncode == 0, checked.stdout


@wants("pyright")
def test_pyright_finds_the_mistakes_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "uses.py").write_text(USES)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    checked = run("pyright", "-p", str(tmp_path))
    errors = [line.strip() for line in checked.stdout.splitlines() if " - error:" in line]
    assert not any("uses.py" in line for line in errors), checked.stdout
    lines = {int(line.split(":")[1]) for line in errors}
    assert lines == set(range(3, MISTAKES.count("\n") + 1)), checked.stdout


@wants("pyright")
def test_every_public_type_is_complete() -> None:
    checked = run("pyright", "--verifytypes", "headcount", "--ignoreexternal")
    assert checked.returncode == 0, checked.stdout
