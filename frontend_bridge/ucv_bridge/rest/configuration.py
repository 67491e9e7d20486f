"""``/api/config``: the cameras as YAML, out and in."""

from __future__ import annotations

import asyncio
from typing import Any

import voluptuous as vol
from aiohttp import web

from ucv.config.export import as_mapping, export_yaml, plan_import
from ucv.config.yaml import load_text
from ucv_bridge.addresses import check_addresses
from ucv_bridge.answers import json_answer, read_object, validated
from ucv_bridge.context import BridgeContext
from ucv_bridge.errors import InvalidYaml

_SCHEMA = {vol.Required("yaml"): str, vol.Optional("dry_run", default=False): bool}


class ConfigurationRoutes:
    """Handlers of one bridge."""

    def __init__(self, context: BridgeContext) -> None:
        self._context = context
        self._hub = context.hub

    def add_to(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get("/api/config/export", self.export)
        app.router.add_post("/api/config/import", self.import_)

    async def export(self, request: web.Request) -> web.Response:
        """Return all cameras as YAML, without secrets."""
        self._context.authorize_admin(request)
        entries = [view.config for view in self._hub.entries.list()]
        text = await asyncio.to_thread(export_yaml, entries)
        return web.Response(
            text=text,
            content_type="application/yaml",
            headers={"Content-Disposition": 'attachment; filename="ucv.yaml"'},
        )

    async def import_(self, request: web.Request) -> web.Response:
        """Add the cameras of a YAML text that are not there yet; all of them, or none."""
        principal = self._context.authorize_admin(request)
        given = validated(await read_object(request), _SCHEMA)
        known = {view.config.id for view in self._hub.entries.list()}
        integrations = self._hub.plugins.integrations
        document = await asyncio.to_thread(load_text, given["yaml"], "the text")
        plan = await asyncio.to_thread(plan_import, document, integrations, known)
        mappings = [as_mapping(draft) for draft in plan.add]
        for mapping in mappings:
            check_addresses(mapping)
        if plan.problems:
            problems = [str(problem) for problem in plan.problems]
            raise InvalidYaml(problems[0], details={"problems": problems})
        added: list[dict[str, Any]] = [] if given["dry_run"] else mappings
        for mapping in added:
            await self._hub.entries.create(mapping)
            await self._context.accounts.audit(
                principal.name, "camera.import", mapping["id"], address=request.remote or ""
            )
        return json_answer(
            {
                "added": [draft.id for draft in plan.add],
                "skipped": plan.skipped,
                "lacking": plan.lacking,
                "dry_run": given["dry_run"],
            }
        )
