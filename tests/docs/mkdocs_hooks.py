# SPDX-License-Identifier: Apache-2.0
"""Puts the README of each bundled plugin into the site as plugins/NAME.md, and makes the links to
them, which lead through the source tree in the pages, lead there."""

import pathlib
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECTION = "Bundled plugins"
LINK = re.compile(r"\]\((?:\.\./)+plugins/(\w+)/README\.md(#[\w-]+)?\)")


def names():
    return sorted(path.parent.name for path in ROOT.glob("plugins/*/README.md"))


def on_config(config):
    for entry in config["nav"]:
        if SECTION in entry:
            entry[SECTION] = [{name: f"plugins/{name}.md"} for name in names()]
    return config


def on_files(files, config):
    for name in names():
        file = File(f"plugins/{name}.md", config["docs_dir"], config["site_dir"],
                    config["use_directory_urls"])
        file.abs_src_path = str(ROOT / "plugins" / name / "README.md")
        files.append(file)
    for file in list(files):
        if file.src_uri.startswith("man/"):
            files.remove(file)
    return files


def on_page_markdown(markdown, page, config, files):
    folder = "" if page.file.src_uri.startswith("plugins/") else "plugins/"
    return LINK.sub(lambda m: f"]({folder}{m.group(1)}.md{m.group(2) or ''})", markdown)
