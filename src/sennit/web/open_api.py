"""The OpenAPI description of the HTTP API, drawn from the structures that it is made of."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from sennit.web.api_message import REQUESTS, RESULTS, ErrorAnswer

__all__ = ["describe_api"]

_REF = "#/components/schemas/{name}"


def describe_api(version: str) -> bytes:
    """Return the description (OpenAPI 3.1), as JSON.

    Args:
        version: this server's.
    """
    forms = [*REQUESTS.values(), *RESULTS.values(), ErrorAnswer]
    schemas, components = msgspec.json.schema_components(forms, ref_template=_REF)
    count = len(REQUESTS)
    requests = dict(zip(REQUESTS, schemas[:count], strict=True))
    results = dict(zip(RESULTS, schemas[count:-1], strict=True))
    return msgspec.json.format(
        msgspec.json.encode(
            {
                "openapi": "3.1.0",
                "info": {
                    "title": "Sennit",
                    "version": version,
                    "description": "Publishing, and reaching into users and channels.",
                    "license": {"name": "MIT", "identifier": "MIT"},
                },
                # Seen from the description, wherever the app is mounted.
                "servers": [{"url": "../api"}],
                "security": [{"key": []}, {"header": []}, {"query": []}],
                "paths": {
                    f"/{name}": {
                        "post": _operation(name, requests[name], results[name], schemas[-1])
                    }
                    for name in REQUESTS
                },
                "components": {
                    "schemas": components,
                    "securitySchemes": {
                        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                        "header": {
                            "type": "apiKey",
                            "in": "header",
                            "name": "Authorization",
                            "description": "`apikey KEY`",
                        },
                        "query": {"type": "apiKey", "in": "query", "name": "api_key"},
                    },
                },
            }
        ),
        indent=2,
    )


def _operation(name: str, request: Any, result: Any, error: Any) -> dict[str, Any]:
    success = result if name == "batch" else _object(result=result)
    return {
        "operationId": name,
        "summary": (inspect.getdoc(REQUESTS[name]) or "").partition("\n")[0],
        "requestBody": {"required": True, "content": _json(request)},
        "responses": {
            "200": {
                "description": "The result, or, unless errors are told by the status, the error.",
                "content": _json({"anyOf": [success, _object(error=error)]}),
            },
            "401": {"description": "No key, or a wrong one."},
            "413": {"description": "The body is too large.", "content": _json(error)},
            "default": {
                "description": "The error, where errors are told by the status: 404 for 102 and "
                "104, 416 for 112, 409 for 113, 429 for 111, 500 for 100, 400 for any other.",
                "content": _json(error),
            },
        },
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
