"""The built pages: they load nothing from elsewhere, their links lead somewhere, they are whole."""

import re
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
import typer
from generate import http_reference

import imuge
from imuge.cli.app import app

LOADING = {  # attributes from which a browser loads by itself
    "audio": ["src"],
    "embed": ["src"],
    "iframe": ["src"],
    "img": ["src", "srcset"],
    "input": ["src"],
    "link": ["href"],
    "object": ["data"],
    "script": ["src"],
    "source": ["src", "srcset"],
    "track": ["src"],
    "video": ["src", "poster"],
}
ELSEWHERE = re.compile(r"(?:[a-z]+:)?//|https?:", re.IGNORECASE)
GENERATED = {"genindex", "search", "py-modindex"}


class Page(HTMLParser):
    """What a page loads, links to and can be linked at."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.ids, self.images, self.styles = [], [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        self.loaded += [given[name] for name in LOADING.get(tag, []) if given.get(name)]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "img":
            self.images.append(given)
        if "style" in given:
            self.styles.append(given["style"])


@pytest.fixture(scope="session")
def pages(site):
    return {path: Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(pages, site):
    loaded = [(path.name, one) for path, page in pages.items() for one in page.loaded]
    assert len(loaded) > len(pages)
    assert [one for one in loaded if ELSEWHERE.match(one[1])] == []
    for path in site.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        assert "@import" not in text, path
        for target in re.findall(r"url\(\s*['\"]?([^'\")]+)", text):
            assert not ELSEWHERE.match(target), f"{path}: {target}"
    assert not [s for page in pages.values() for s in page.styles if "url(" in s]


@pytest.mark.slow
def test_every_link_inside_the_site_leads_somewhere(pages, site):
    @cache
    def anchors(path):
        return pages[path].ids

    checked, broken = 0, []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            checked += 1
            if not target.is_relative_to(site.resolve()) or not target.is_file():
                broken.append((path.name, link))
            elif parts.fragment and target in pages and target.suffix == ".html":
                known = {*anchors(target), "", "top"}
                if unquote(parts.fragment) not in known:
                    broken.append((path.name, link))
    assert checked > 500
    assert broken == []


@pytest.mark.slow
def test_pictures_are_there_and_described(pages):
    shown = 0
    for path, page in pages.items():
        for image in page.images if path.stem not in GENERATED else ():
            assert (path.parent / unquote(image["src"])).is_file(), image
            assert len(image.get("alt") or "") > 20, f"{path.name}: {image}"
            shown += 1
    assert shown >= 10


@pytest.mark.slow
def test_the_commands_page_has_every_command_and_option(site):
    text = (site / "reference" / "cli.html").read_text()

    def check(command, names):
        assert f'id="{"-".join(names)}"' in text
        for parameter in command.params:
            for flag in parameter.opts:
                if flag.startswith("--"):
                    assert f'id="cmdoption-{"-".join(names)}{flag[1:]}"' in text, (names, flag)
        for name, inner in getattr(command, "commands", {}).items():
            check(inner, [*names, name])

    check(typer.main.get_command(app), ["imuge"])


@pytest.mark.slow
def test_the_python_page_has_every_public_name(site):
    text = (site / "reference" / "python.html").read_text()
    for name in imuge.__all__:
        assert name == "__version__" or f'id="imuge.{name}"' in text, name
    # Fields are told with the comments that stand beside them in the code.
    assert "drawn when the picture was immunized" in text


@pytest.mark.slow
def test_the_http_page_has_every_path(site):
    text = (site / "reference" / "http.html").read_text()
    if http_reference.find_spec("imuge.serve") is None:
        assert "has no service yet" in text
        return
    for path in http_reference.description()["paths"]:
        assert path in text


@pytest.mark.slow
def test_no_page_but_the_indices_is_without_text(pages, site):
    for path in pages:
        if path.stem not in GENERATED:
            assert len(re.sub(r"<[^>]+>", "", path.read_text())) > 1500, path.relative_to(site)
