"""Tells what the fields of our dataclasses are, from the comments at the ends of their lines.

The code explains a field where it is declared (`key_id: str  # 8 hexadecimal digits`), and says
everything once. Autodoc reads `#:` comments only, so the page would have bare names.
"""

import ast
import inspect
import io
import tokenize
from dataclasses import is_dataclass


def describe_fields(
    _app: object, what: str, _name: str, thing: object, _options: object, lines: list[str]
) -> None:
    """Add the fields to the docstring of a dataclass, as Sphinx shows parameters."""
    if what == "class" and isinstance(thing, type) and is_dataclass(thing):
        lines += ["", ":Fields:"]
        lines += [f"    * **{name}** {text}" for name, text in fields_of(thing).items()]
        lines.append("")


def hide_signature(
    _app: object, what: str, _name: str, thing: object, *_rest: object
) -> tuple[str, None] | None:
    """Leave out how a dataclass is called: nobody builds our results, and the fields follow."""
    return ("", None) if what == "class" and is_dataclass(thing) else None


def fields_of(thing: type) -> dict[str, str]:
    """Each field's name, in order, with its type and comment as one line of reStructuredText."""
    source = inspect.getsource(thing)
    comments: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments[token.start[0]] = token.string.lstrip("# ")
    (tree,) = ast.parse(source).body
    found: dict[str, str] = {}
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            kind = f"(``{ast.unparse(node.annotation)}``)"
            comment = comments.get(node.lineno)
            found[node.target.id] = f"{kind} – {comment}" if comment else kind
    return found
