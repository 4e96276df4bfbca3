"""A stand-in for Hugging Face's hub on this machine: what its package asks for when a model is pushed and loaded."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_good"
MINE = "me"  # the user whom the token belongs to
ID = r"([^/]+/[^/]+)"


class FakeHub:
    """Use it in a `with`. `repositories` has the files of each branch; what was asked for is in `requests`."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.private: set[str] = set()
        self.blobs: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.broken = ""  # answer requests with this in their path with status 500
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FakeHub":
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, method: str, path: str, body: bytes, token: str) -> tuple[int, Any, dict[str, str]]:
        """Return the status, the contents and more headers."""
        self.requests.append(f"{method} {path}")
        if self.broken and self.broken in path:
            return 500, {"error": "it is broken"}, {}
        for rule, of in RULES.items():
            if found := re.fullmatch(rule, f"{method} {path}"):
                return of(self, body, token, *map(unquote, found.groups()))
        return 404, {"error": f"no rule for {method} {path}"}, {}

    def whoami(self, body: bytes, token: str) -> Any:
        known = token == TOKEN
        return (200, {"name": MINE, "type": "user"}, {}) if known else (401, {"error": "Invalid credentials"}, {})

    def create(self, body: bytes, token: str) -> Any:
        asked = json.loads(body)
        name = f"{asked.get('organization') or MINE}/{asked['name']}"
        if not name.startswith(f"{MINE}/"):
            return 403, {"error": "You don't have the rights to create a model under this namespace"}, {}
        if name in self.repositories:
            return 409, {"error": "You already created this model repo", "url": f"{self.url}/{name}"}, {}
        self.repositories[name] = {"main": {}}
        if asked.get("private") or asked.get("visibility") == "private":
            self.private.add(name)
        return 200, {"url": f"{self.url}/{name}", "name": name}, {}

    def missing(self, name: str, revision: str, token: str) -> Any:
        """What is answered where a repository or a revision is not there; None if it is."""
        if name not in self.repositories or (name in self.private and token != TOKEN):
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        if revision not in self.repositories[name]:
            return 404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}
        return None

    def info(self, body: bytes, token: str, name: str, revision: str = "main") -> Any:
        found = {"id": name, "private": name in self.private, "sha": "0" * 40, "siblings": []}
        return self.missing(name, revision, token) or (200, found, {})

    def tree(self, body: bytes, token: str, name: str, revision: str) -> Any:
        if answer := self.missing(name, revision, token):
            return answer
        files = self.repositories[name][revision]
        return 200, [{"type": "file", "path": p, "oid": oid(b), "size": len(b)} for p, b in files.items()], {}

    def branch(self, body: bytes, token: str, name: str, revision: str) -> Any:
        there = revision in self.repositories[name]
        self.repositories[name].setdefault(revision, {})
        return (409, {"error": "Reference already exists"}, {}) if there else (200, {}, {})

    def validate(self, body: bytes, token: str) -> Any:
        return 200, {"errors": [], "warnings": []}, {}

    def preupload(self, body: bytes, token: str, name: str, revision: str) -> Any:
        files = json.loads(body)["files"]
        binary = (".safetensors", ".png", ".pt2")
        modes = [{**f, "uploadMode": "lfs" if f["path"].endswith(binary) else "regular"} for f in files]
        return 200, {"files": [{**f, "shouldIgnore": False, "oid": None} for f in modes]}, {}

    def batch(self, body: bytes, token: str, name: str) -> Any:
        objects = json.loads(body)["objects"]
        ways = [{**o, "actions": {"upload": {"href": f"{self.url}/lfs/{o['oid']}"}}} for o in objects]
        return 200, {"transfer": "basic", "objects": ways}, {}

    def put(self, body: bytes, token: str, key: str) -> Any:
        self.blobs[key] = body
        return 200, {}, {}

    def commit(self, body: bytes, token: str, name: str, revision: str) -> Any:
        files = self.repositories[name][revision]
        for line in body.splitlines():
            one = json.loads(line)
            if one["key"] == "file":
                files[one["value"]["path"]] = base64.b64decode(one["value"]["content"])
            if one["key"] == "lfsFile":
                files[one["value"]["path"]] = self.blobs[one["value"]["oid"]]
        return 200, {"commitUrl": f"{self.url}/{name}/commit/{'1' * 40}", "commitOid": "1" * 40}, {}

    def resolve(self, body: bytes, token: str, name: str, revision: str, file: str) -> Any:
        known = self.repositories.get(name, {})
        revision = "main" if revision == "1" * 40 else revision
        if answer := self.missing(name, revision, token):
            return answer
        if file not in known[revision]:
            return 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": "1" * 40}
        contents = known[revision][file]
        return 200, contents, {"ETag": f'"{oid(contents)}"', "X-Repo-Commit": oid(b"".join(known[revision].values()))}


RULES: dict[str, Any] = {
    r"GET /api/whoami-v2": FakeHub.whoami,
    r"POST /api/repos/create": FakeHub.create,
    r"POST /api/validate-yaml": FakeHub.validate,
    rf"GET /api/models/{ID}": FakeHub.info,
    rf"GET /api/models/{ID}/revision/([^/]+)": FakeHub.info,
    rf"GET /api/models/{ID}/tree/([^/]+)": FakeHub.tree,
    rf"POST /api/models/{ID}/branch/([^/]+)": FakeHub.branch,
    rf"POST /api/models/{ID}/preupload/([^/]+)": FakeHub.preupload,
    rf"POST /api/models/{ID}/commit/([^/]+)": FakeHub.commit,
    rf"POST /{ID}\.git/info/lfs/objects/batch": FakeHub.batch,
    r"PUT /lfs/(\w+)": FakeHub.put,
    rf"(?:GET|HEAD) /{ID}/resolve/([^/]+)/(.+)": FakeHub.resolve,
}


def use(url: str, cache: Any, monkeypatch: Any) -> None:
    """Let the hub's package, which reads the environment when it is imported, ask another hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def oid(contents: bytes) -> str:
    return hashlib.sha1(contents).hexdigest()


def handler_of(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, contents, more = hub.answer(self.command, urlsplit(self.path).path, body, token)
            sent = contents if isinstance(contents, bytes) else json.dumps(contents).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(sent)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(sent)

        do_GET = do_HEAD = do_POST = do_PUT = reply

        def log_message(self, *args: Any) -> None:
            pass

    return Handler
