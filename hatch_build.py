"""The wheel carries the repo's own project for `usersync init`; an editable install needs no copy of it."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class StarterHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the files that pyproject.toml lists, except where the package is used from the checkout itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"].update(self.config["starter"])
