"""Validation of user input against the JSON Schemas in config/schemas, which also give defaults."""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from seqloom.errors import InputError

SCHEMAS = Path(__file__).parents[4] / "config" / "schemas"
_INTEGER = re.compile(r"[-+]?[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
# The name of each type, and how to write a value of it.
_TYPES = {
    "string": ("text", "put it in quotes"),
    "object": ("a group of keys", "write its keys below it, further to the right"),
    "array": ("a list", "put it in brackets, such as [a, b]"),
    "integer": ("a whole number", "write it in digits"),
    "number": ("a number", "write 0.0001 or 1e-4"),
    "boolean": ("true or false", "write one of these"),
}
_REMEDIES = {
    "minimum": "give {} or more",
    "exclusiveMinimum": "give more than {}",
    "maximum": "give {} or less",
    "exclusiveMaximum": "give less than {}",
}


def read_schema(name: str) -> dict[str, Any]:
    return yaml.safe_load((SCHEMAS / f"{name}.schema.yaml").read_text())


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file and refuse repeated keys, of which YAML takes the last one."""
    loader = yaml.SafeLoader(Path(path).read_text(encoding="utf-8-sig"))
    try:
        tree = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1
        raise InputError(
            f"{path} line {line}: this is not YAML ({error.problem}); correct it"
        ) from None
    for first, second in _repeated_keys(tree):
        raise InputError(
            f'{path} line {second.start_mark.line + 1}: key "{second.value}" was given on line '
            f"{first.start_mark.line + 1} already; remove one of them"
        )
    return loader.construct_document(tree) if tree else None


def _repeated_keys(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Pairs of nodes with the same key in one mapping."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and seen.setdefault(key.value, key) is not key:
                yield seen[key.value], key
            yield from _repeated_keys(value)


def validated(values: dict[str, Any], schema: dict[str, Any], where: str) -> dict[str, Any]:
    """A copy of `values` with the defaults of the schema, which it must satisfy."""
    values = _with_numbers(values, schema)
    error = best_match(Draft202012Validator(schema).iter_errors(values))
    if error:
        raise InputError(_message(error, where))
    return _with_defaults(values, schema)


def _with_numbers(value: Any, schema: dict[str, Any]) -> Any:
    """Convert text to numbers where the schema asks for them; YAML reads 5e-4 as text."""
    if isinstance(value, dict):
        return {key: _with_numbers(item, _schema_below(schema, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item, schema.get("items", {})) for item in value]
    if isinstance(value, str) and "integer" in schema.get("type", ""):
        return int(value) if _INTEGER.fullmatch(value) else value
    if isinstance(value, str) and "number" in schema.get("type", ""):
        return float(value) if _NUMBER.fullmatch(value) else value
    return value


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    defaults = {
        key: part["default"]
        for key, part in schema.get("properties", {}).items()
        if "default" in part
    }
    return {
        key: _with_defaults(item, _schema_below(schema, key))
        for key, item in (defaults | value).items()
    }


def _schema_below(schema: dict[str, Any], key: str) -> dict[str, Any]:
    return schema.get("properties", {}).get(key) or schema.get("additionalProperties") or {}


def _message(error: ValidationError, where: str) -> str:
    path = ".".join(map(str, error.absolute_path))
    spot = f"{where}: {path}" if path else where
    return f"{spot}: {_explanation(error)}"


def _explanation(error: ValidationError) -> str:
    """What is wrong, and what to do."""
    given, rule, asked = error.instance, error.validator, error.validator_value
    if given is None and asked == "object":
        return "it is empty; write {} for the defaults"
    if given is None:
        return "it is empty; give a value, or remove the key"
    if rule == "additionalProperties":
        known = list(error.schema["properties"])
        wrong = next(key for key in given if key not in known)
        return f'key "{wrong}" is unknown{hint_of(str(wrong), known)}'
    if rule == "required":
        return f"{error.message.replace(' is a required property', ' is missing')}; add it"
    if rule == "enum":
        allowed = ", ".join(str(v) for v in asked if v is not None)
        return f'"{given}" does not exist; choose one of {allowed}'
    if rule == "type":
        what, advice = _TYPES[asked if isinstance(asked, str) else asked[0]]
        return f"{given!r} is not {what}; {advice}"
    if rule == "pattern":
        return f'"{given}" is not allowed here; {error.schema["form"]}'
    if rule == "not":
        return f'the name "{given}" is reserved; choose another'
    if rule == "uniqueItems":
        return f"{given} has an entry twice; remove one"
    if rule in ("minProperties", "minItems") and not given:
        return "it is empty; add an entry"
    if rule in ("minItems", "maxItems"):
        return f"{given} has {len(given)} entries; give {asked}"
    remedy = _REMEDIES.get(rule, "correct it").format(asked)
    return f"{error.message}; {remedy}"


def hint_of(wrong: str, known: Iterable[str]) -> str:
    names = {name.lower(): name for name in known}
    close = difflib.get_close_matches(wrong.lower(), names, n=1)
    if close:
        return f"; did you mean {names[close[0]]}?"
    return f"; known are {', '.join(names.values()) or 'none'}"
