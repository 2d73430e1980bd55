"""Directory listings."""

import json
import re
from html import unescape

import pytest
from yarl import URL

from pulp_actor.models import ContentGuard
from tests.support.content import Repo, content_server, distribute, remote

JSON = {"Accept": "application/json"}


@pytest.fixture
def repo(connection):
    repo = Repo()
    repo.add({"b.txt": b"bb", "a/x": b"1", "a/y/z": b"2", "a-b": b"3", "<&\">.txt": b"odd", "a:b": b"4"})
    return repo


async def names(client, path, **params):
    answer = await client.get(path, headers=JSON, params=params)
    assert answer.status == 200
    return [entry["name"] for entry in json.loads(answer.body)["entries"]]


@pytest.mark.parametrize("how", ["version", "publication", "both"])
async def test_a_directory_lists_what_is_in_it(repo, how):
    if how == "publication":
        paths = {path: path for path in ("b.txt", "a/x", "a/y/z", "a-b", "<&\">.txt", "a:b")}
        repo.publish({"a/META": b"m"}, pass_through=False, **paths)
    elif how == "both":
        repo.publish({"a/META": b"m"}, **{"a/x": "a/x"})
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        assert await names(client, "repo/") == ["<&\">.txt", "a-b", "a/", "a:b", "b.txt"]
        meta = [] if how == "version" else ["META"]
        assert await names(client, "repo/a/") == [*meta, "x", "y/"]
        assert await names(client, "repo/a/y/") == ["z"]


async def test_entries_have_sizes_and_dates(repo):
    repo.add_remote("unsaved", b"12345", remote("http://127.0.0.1:9/"))
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        data = json.loads((await client.get("repo/", headers=JSON)).body)
        found = {entry["name"]: entry for entry in data["entries"]}
        assert found["b.txt"]["size"] == 2 and found["b.txt"]["modified"]
        assert found["unsaved"]["size"] == 5
        assert found["a/"] == {"name": "a/", "directory": True, "size": None, "modified": None}


async def test_pages(repo):
    repo.add({f"many/{number:04}/x": b"x" for number in range(30)} | {f"many/{number:04}-": b"x" for number in range(30)})
    distribute("repo", repository=repo.row)
    from content import listing

    before, listing.PAGE_SIZE = listing.PAGE_SIZE, 7
    try:
        for publish in (False, True):
            if publish:
                paths = {f"many/{number:04}{end}": f"many/{number:04}{end}" for number in range(30) for end in ("/x", "-")}
                repo.publish(pass_through=False, **paths)
            async with content_server() as client:
                seen, after = [], "?"
                while after:
                    data = json.loads((await client.get(f"repo/many/{after}", headers=JSON)).body)
                    seen += [entry["name"] for entry in data["entries"]]
                    assert len(data["entries"]) <= 7
                    after = data["next"]
                assert seen == [name for number in range(30) for name in (f"{number:04}-", f"{number:04}/")]
    finally:
        listing.PAGE_SIZE = before


async def test_names_are_escaped_in_html(repo):
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        answer = await client.get("repo/")
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b'href="./%3C%26%22%3E.txt">&lt;&amp;&quot;&gt;.txt</a>' in answer.body
        assert b'href="./a:b"' in answer.body
        assert b"<&" not in answer.body


async def test_the_page_leads_up_and_on(repo):
    distribute("some/repo", repository=repo.row)
    async with content_server() as client:
        page = (await client.get("some/repo/a/y/")).body.decode()
        links = [unescape(link) for link in re.findall(r'href="([^"]*)"', page)]
        here = URL(client.url("some/repo/a/y/"))
        led = [str(here.join(URL(link)).relative()).removeprefix("/pulp/content/") for link in links]
        assert led == ["", "some/", "some/repo/", "some/repo/a/", "some/repo/a/y/", "some/repo/a/", "some/repo/a/y/z"]
        assert 'title="1 B"' in page and "1 B</data>" in page
        assert "//" not in page.replace("</", "")  # nothing is fetched from anywhere


async def test_a_directory_without_its_slash_redirects(repo):
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        for path in ("repo", "repo/a", "repo/a/y"):
            answer = await client.get(f"{path}?after=x")
            assert answer.status == 302
            assert answer.headers["Location"] == f"/pulp/content/{path}/?after=x"


async def test_an_index_stands_for_its_directory(repo):
    repo.add({"site/index.html": b"<p>hello"})
    distribute("repo", repository=repo.row)
    async with content_server() as client:
        answer = await client.get("repo/site/")
        assert answer.body == b"<p>hello" and answer.headers["Content-Type"] == "text/html"
        assert (await client.get("repo/site")).status == 302


async def test_an_empty_repository_lists_nothing(connection):
    distribute("repo", repository=Repo().row)
    async with content_server() as client:
        assert await names(client, "repo/") == []
        assert (await client.head("repo/")).status == 200


async def test_distributions_are_listed_in_pages(connection):
    from content import listing

    for number in range(10):
        distribute(f"team/{number}")
    before, listing.PAGE_SIZE = listing.PAGE_SIZE, 4
    try:
        async with content_server() as client:
            first = json.loads((await client.get("", headers=JSON)).body)
            assert [entry["name"] for entry in first["entries"]] == [f"team/{number}/" for number in range(4)]
            second = json.loads((await client.get(first["next"], headers=JSON)).body)
            assert second["entries"][0]["name"] == "team/4/"
    finally:
        listing.PAGE_SIZE = before


async def test_an_unknown_guard_lets_nobody_through(repo):
    guard = ContentGuard.create(type="strange.guard", name="strange")
    distribute("repo", repository=repo.row, content_guard=guard)
    async with content_server() as client:
        for path in ("repo", "repo/", "repo/b.txt", "repo/none", "repo/a"):
            for _ in range(2):
                assert (await client.get(path)).status == 403
                assert (await client.head(path)).status == 403
        assert (await client.get("repo/b.txt", headers={"Range": "bytes=0-0"})).status == 403
