"""Checking what users write against the JSON Schemas in config/schemas, and filling in defaults."""

import difflib
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from seqloom.errors import InputError

SCHEMAS = Path(__file__).parents[3] / "config" / "schemas"


def schema_of(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def completed(values: dict[str, Any], schema: dict[str, Any], where: str) -> dict[str, Any]:
    """A copy of `values` that satisfies the schema, with its defaults filled in."""
    error = best_match(Draft202012Validator(schema).iter_errors(values))
    if error:
        raise InputError(_sentence(error, where))
    return _with_defaults(values, schema)


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    defaults = {
        key: part["default"]
        for key, part in schema.get("properties", {}).items()
        if "default" in part
    }
    other = schema.get("additionalProperties") or {}
    return {
        key: _with_defaults(item, schema.get("properties", {}).get(key, other))
        for key, item in (defaults | value).items()
    }


def _sentence(error: ValidationError, where: str) -> str:
    path = ".".join(map(str, error.absolute_path))
    spot = f"{where}: {path}" if path else where
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        wrong = next(key for key in error.instance if key not in known)
        return f'{spot}: key "{wrong}" is unknown{hint_of(str(wrong), known)}'
    if error.validator == "required":
        return f"{spot}: {error.message.replace(' is a required property', ' is missing')}; add it"
    if error.validator == "enum":
        allowed = ", ".join(str(v) for v in error.validator_value if v is not None)
        return f'{spot}: "{error.instance}" does not exist; choose one of {allowed}'
    if error.validator == "type" and "integer" in error.validator_value:
        return f"{spot}: {error.instance!r} is not a whole number; write it in digits"
    if error.validator == "type" and error.validator_value == "number":
        return f"{spot}: {error.instance!r} is not a number; write 0.0001 or 1.0e-4"
    return f"{spot}: {error.message}"


def hint_of(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(known) or 'none'}"
