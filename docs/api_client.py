"""Founds a workspace over HTTP, invites an editor, names a version. Arguments: DATA_DIR URL [NAME]"""
import json
import pathlib
import sys
import urllib.request

data_dir, url, name = (sys.argv[1:] + ["From Python"])[:3]
token = pathlib.Path(data_dir, "http-token").read_text().strip()


def call(method, path, body=None):
    request = urllib.request.Request(f"{url}/api/collaboration{path}", json.dumps(body or {}).encode(), method=method)
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


workspace = call("POST", "/workspace/create", {"name": name})["workspace"]
print(call("POST", f"/workspace/{workspace}/invite", {"role": "editor", "expires": "1d"})["link"])
call("POST", f"/workspace/{workspace}/snapshot", {"name": "empty"})
print(", ".join(f'{m["name"]} ({m["role"]})' for m in call("GET", f"/workspace/{workspace}/members")["members"]))
