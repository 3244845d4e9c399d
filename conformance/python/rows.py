"""The checklist: every class, method, property and enum member that the stub file of the SDK lists."""

import ast
import os

import apache_iggy


def stub():
    path = os.path.join(os.path.dirname(apache_iggy.__file__), "__init__.pyi")
    with open(path, encoding="utf-8") as f:
        return ast.parse(f.read())


def rows():
    """The rows in the order of the stub: Class.member, Class.Variant.member, or Class alone where it lists nothing."""
    found = []
    for node in stub().body:
        if isinstance(node, ast.ClassDef):
            members(node, node.name, found)
    return found


def members(node, name, found):
    before = len(found)
    for item in node.body:
        if isinstance(item, ast.ClassDef):
            members(item, f"{name}.{item.name}", found)
        elif isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append(f"{name}.{item.name}")
        elif isinstance(item, ast.Assign):
            found += [f"{name}.{t.id}" for t in item.targets if t.id != "__match_args__"]
    if len(found) == before:
        found.append(name)


if __name__ == "__main__":
    print("\n".join(rows()))
