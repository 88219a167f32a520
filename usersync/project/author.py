"""Who is at the keyboard, as a reviewer would like to read it."""

from __future__ import annotations

import getpass
import subprocess
from pathlib import Path


def author(root: Path) -> str:
    """Name and e-mail of git's configuration in a folder; without them the name of the system's user, if any."""
    name, email = _git(root, "user.name"), _git(root, "user.email")
    if name or email:
        return f"{name} <{email}>" if name and email else name or email
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _git(root: Path, key: str) -> str:
    try:
        found = subprocess.run(["git", "config", "--get", key], cwd=root, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode(errors="replace").strip()
