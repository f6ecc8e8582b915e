"""What is put into the pages while they are read."""

import sys
from dataclasses import dataclass

import generate
import pytest
from generate import cli_reference, dataclass_fields, http_reference
from sphinx.errors import ExtensionError

API = {
    "paths": {
        "/v1/verify/{id}": {
            "post": {
                "summary": "Verify",
                "description": "Tell what happened.",
                "parameters": [
                    {
                        "name": "id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string", "pattern": "^a|b$"},
                    }
                ],
                "requestBody": {
                    "content": {
                        "multipart/form-data": {"schema": {"$ref": "#/components/schemas/Form"}}
                    }
                },
                "responses": {
                    "200": {
                        "description": "The verdict.",
                        "headers": {"Retry-After": {}},
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}
                        },
                    },
                    "429": {"$ref": "#/components/responses/Busy"},
                },
            }
        }
    },
    "components": {
        "responses": {"Busy": {"description": "Too much to do."}},
        "schemas": {
            "Form": {
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary", "description": "One picture."},
                    "strength": {"type": "number", "minimum": 0.25, "maximum": 3, "default": 1.0},
                },
            },
            "Answer": {
                "description": "A verdict.",
                "properties": {
                    "state": {"enum": ["queued", "done"]},
                    "box": {"type": "array", "items": {"type": "integer"}},
                    "error": {"anyOf": [{"$ref": "#/components/schemas/Form"}, {"type": "null"}]},
                },
            },
        },
    },
}


def test_an_unknown_place_ends_the_build():
    with pytest.raises(
        ExtensionError, match=r"nothing is made for .*weather.*; known are cli, http"
    ):
        generate.filled("before <!-- from the code: weather --> after")


def test_absent_pages_leave_no_links():
    text = (
        "a\nservice\npage\nsee [the service](service.md#limits), [it](../service.md), [faq](faq.md)"
    )
    assert generate.without({"service"}, text) == "a\npage\nsee the service, it, [faq](faq.md)"
    assert generate.without(set(), text) == text


def test_http_operations_become_tables(monkeypatch):
    monkeypatch.setattr(http_reference, "find_spec", lambda _: object())
    monkeypatch.setattr(http_reference, "description", lambda: API)
    made = http_reference.to_markdown()
    assert "## POST /v1/verify/\\{id\\}" in made
    assert "| `id` | path | string | required. (pattern `^a\\|b$`) |" in made
    assert "Body: `multipart/form-data`" in made
    assert "| `file` | file | required. One picture. |" in made
    assert "| `strength` | number | (≥ 0.25, ≤ 3, default `1.0`) |" in made
    assert "| `200` | [Answer](#schema-answer) | The verdict. Headers: `Retry-After`. |" in made
    assert "| `429` |  | Too much to do. |" in made
    assert '| `state` | `"queued"` or `"done"` |  |' in made
    assert "| `box` | list of integer |  |" in made
    assert "| `error` | [Form](#schema-form) or null |  |" in made


def test_only_a_tree_without_the_service_goes_without_its_reference(monkeypatch):
    monkeypatch.setattr(http_reference, "find_spec", lambda _: None)
    assert http_reference.to_markdown() == http_reference.ABSENT
    monkeypatch.setattr(http_reference, "find_spec", lambda _: object())
    for name in ("imuge.serve", "imuge.serve.openapi"):  # there, but its libraries are not
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        http_reference.to_markdown()


def test_help_texts_become_markdown():
    given = "See `--key` or --mask-out.  [default: x_y; 0<=z]"
    assert cli_reference.inline(given) == (
        "See `--key` or `--mask-out`. \\[default: x\\_y; 0\\<=z\\]"
    )


def test_fields_are_told_with_their_comments():
    assert dataclass_fields.fields_of(Sample) == {
        "side": "(``int``) – in pixels",
        "name": "(``str | None``)",
    }


@dataclass
class Sample:
    """A dataclass as ours are."""

    side: int  # in pixels
    name: str | None = None
