"""Lists the names that CrewAI's telemetry sends, as its wheels have them: spans, attributes, features, kinds of projects.

    python3 names.py NEW.whl…                  names that the dialect catalog/dialects/crewai.yaml does not have
    python3 names.py --since OLD OLD.whl… …    names that the wheels of the folder OLD do not have either

No package but the standard library is needed, and nothing of the wheels is run. Names that the code puts together (f"hooks:{point}") are
shown with the part that is fixed.
"""

import argparse
import ast
import pathlib
import re
import sys
import zipfile

DIALECT = pathlib.Path(__file__).parents[2] / "catalog/dialects/crewai.yaml"
CATALOG = DIALECT.parents[1] / "crew.yaml"

# The methods whose argument at this place is a name.
CALLS = {
    "start_span": ("span", 0),
    "_add_attribute": ("attribute", 1),
    "add_attribute": ("attribute", 1),
    "set_attribute": ("attribute", 0),
    "feature_usage_span": ("feature", 0),
    "_count_usage": ("feature", 0),
    "project_created_span": ("project", 0),
}


def text(node):
    """The text of a literal, with `…` for what is only known when the program runs; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def names_in(source):
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if called not in CALLS:
            continue
        kind, place = CALLS[called]
        if len(node.args) > place and (name := text(node.args[place])):
            yield kind, name
        # Attributes of a feature's use, and members of JSON, are keys of dictionaries.
        for argument in node.args[place + 1 :]:
            for inner in ast.walk(argument):
                if isinstance(inner, ast.Dict):
                    yield from (("attribute", key) for key in map(text, inner.keys) if key)


def names_of(wheels):
    found = set()
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not name.endswith(".py"):
                    continue
                source = archive.read(name).decode()
                # Elsewhere `start_span` and `set_attribute` are other people's: tracing is not telemetry.
                if "Telemetry" in source and "/tracing/" not in name:
                    found.update(names_in(source))
    return found


def known():
    """Every word of the dialect, and the values that the catalog lists."""
    # Without comments, whose words are anybody's.
    dialect, catalog = (re.sub(r"#.*", "", file.read_text()) for file in (DIALECT, CATALOG))
    names = set(re.findall(r'^\s*"?([^":{}\n]+?)"?:(?:\s|$)', dialect, re.MULTILINE))
    values = (set(re.findall(r"[\w-]+", listed)) for listed in re.findall(r"values: \[(.*?)\]", catalog))
    return names | set(re.findall(r"[\w.?-]+", dialect)) | set().union(*values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", nargs="+", type=pathlib.Path)
    parser.add_argument("--since", type=pathlib.Path, help="a folder with the wheels of an older release")
    options = parser.parse_args()
    found = names_of(options.wheels)
    if not found:
        sys.exit("no name was found: give the wheels of crewai, crewai-core and crewai-cli")
    before = names_of(options.since.glob("*.whl")) if options.since else None
    words = known()
    for kind, name in sorted(found):
        if before is not None:
            if (kind, name) in before:
                continue
        # A feature is a token, whatever it says: the catalog's pattern has it already.
        elif kind == "feature" or name in words:
            continue
        print(f"{kind:<10} {name}")


if __name__ == "__main__":
    main()
