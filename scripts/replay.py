#!/usr/bin/env python3
"""Replays identity provider transcripts against a SCIM server.

  scripts/replay.py BASE_URL TOKEN FILE...          each file once, with this token
  scripts/replay.py BASE_URL --tenant CMD FILE...   each file once for each of its runs; CMD PROFILE
                                                    [IDENTIFIER] makes a fresh tenant, prints its token

Options: --before sends only the steps that prepare the tenant, --first N only the first N of the others;
-v shows the steps that passed too.
Requests go out byte for byte as the transcript has them (tests/data/transcripts/README.md).
Exit code: 0 all passed, 1 something failed, 2 wrong use.
"""
import argparse
import http.client
import json
import random
import re
import string
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

MISSING = object()


def lookup(body, path):
    """The value at an attribute path such as Resources[0].name or urn:…:User:manager.value."""
    if path.startswith("urn:"):
        urn = next((k for k in body if path.startswith(k + ":")), None) if isinstance(body, dict) else None
        return MISSING if urn is None else lookup(body[urn], path[len(urn) + 1:])
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if name and isinstance(body, dict) and name in body:
            body = body[name]
        elif index and isinstance(body, list) and int(index) < len(body):
            body = body[int(index)]
        else:
            return MISSING
    return body


def is_empty(value):
    return value is MISSING or value is None or value in ("", [], {})


def same(value, want):
    return type(value) is type(want) and value == want


# Each check of `expect`: does the found value pass? Those of VALUES name what they want.
VALUES = {
    "equal": same,
    "equal_if_answered": same,
    "text": lambda value, want: str(value) == want,
    "contain": lambda value, want: isinstance(value, list) and want in value,
    "length": lambda value, want: isinstance(value, list) and len(value) == want,
}
KINDS = {
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "filled": lambda value: not is_empty(value),
    "empty": is_empty,
    "present": lambda value: value is not MISSING,
    "absent": lambda value: value is MISSING,
}


def complaints(expect, status, raw):
    """What is wrong with an answer, in words; nothing if it is as expected."""
    if status not in expect["status"]:
        wanted = " or ".join(map(str, expect["status"]))
        return [f"answered {status} instead of {wanted}: {raw[:300].decode(errors='replace')}"]
    try:
        body = json.loads(raw) if raw else MISSING
    except ValueError:
        return [f"the body is not JSON: {raw[:300]!r}"]
    wrong = []
    for check, wanted in expect.items():
        if check == "status" or (check == "equal_if_answered" and body is MISSING):
            continue
        for path in wanted:
            value = lookup(body, path)
            if check in VALUES:
                good, want = VALUES[check](value, wanted[path]), f"{check} {wanted[path]!r}"
            else:
                good, want = KINDS[check](value), f"be {check}"
            if not good:
                wrong.append(f"{path} should {want}, is {'missing' if value is MISSING else repr(value)}")
    return wrong


def fill(value, known):
    """Puts what is known in the place of ${name}, everywhere in a JSON value."""
    if isinstance(value, str):
        return re.sub(r"\$\{(\w+)\}", lambda match: str(known[match[1]]), value)
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    if isinstance(value, dict):
        return {fill(name, known): fill(item, known) for name, item in value.items()}
    return value


def send(base, step, headers, known):
    method, target = fill(step["request"], known).split(" ", 1)
    body = json.dumps(fill(step["body"], known)).encode() if "body" in step else b""
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=30)
    try:
        connection.putrequest(method, base.path.rstrip("/") + target, skip_accept_encoding=True)
        for name, value in fill(headers, known).items():
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def play(base, token, file, steps, headers, verbose):
    """Plays steps in order; returns how many passed and failed."""
    unique = "".join(random.choices(string.ascii_lowercase, k=8))
    known = {"token": token, "random": unique, "RANDOM": unique.upper()}
    passed = failed = 0
    for number, step in enumerate(steps, 1):
        named = step.get("headers", "write" if "body" in step else "read")
        try:
            expect = fill(step["expect"], known)
            status, raw = send(base, step, headers[named], known)
            wrong = complaints(expect, status, raw)
            for name, path in step.get("remember", {}).items() if not wrong else ():
                known[name] = lookup(json.loads(raw), path)
                wrong += [f"nothing at {path} to remember"] if known[name] is MISSING else []
        except KeyError as missing:
            wrong = [f"needs {missing}, which no step before could remember"]
        except (OSError, http.client.HTTPException) as error:
            wrong = [f"no answer: {error!r}"]
        passed, failed = passed + (not wrong), failed + bool(wrong)
        if wrong or verbose:
            print(f"  {'FAIL' if wrong else 'ok  '} {file.stem} {number}: {step['says']} ({step['request']})")
        for line in wrong:
            print(f"       {line}")
    return passed, failed


def fresh_tenant(command, run):
    names = [run["profile"]] + ([run["identifier"]] if "identifier" in run else [])
    return subprocess.run([command, *names], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", metavar="BASE_URL")
    parser.add_argument("--tenant", metavar="CMD")
    parser.add_argument("--before", action="store_true")
    parser.add_argument("--first", type=int, metavar="N")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("rest", metavar="[TOKEN] FILE", nargs="+")
    args = parser.parse_intermixed_args()
    token, files = (None, args.rest) if args.tenant else (args.rest[0], args.rest[1:])
    if not files:
        parser.error("no transcript given")
    base, total_passed, total_failed = urlsplit(args.base), 0, 0
    for file in map(Path, files):
        transcript = json.loads(file.read_text())
        steps = transcript.get("before", []) + ([] if args.before else transcript["steps"][:args.first])
        for run in transcript["runs"] if args.tenant else [{}]:
            bearer = fresh_tenant(args.tenant, run) if args.tenant else token
            passed, failed = play(base, bearer, file, steps, transcript["headers"], args.verbose)
            with_what = "".join(f", {name} {value}" for name, value in run.items())
            print(f"{'FAIL' if failed else 'ok  '} {file.stem}{with_what}: {passed} of {passed + failed}")
            total_passed, total_failed = total_passed + passed, total_failed + failed
    print(f"{total_passed} passed, {total_failed} failed")
    sys.exit(1 if total_failed or not total_passed else 0)


if __name__ == "__main__":
    main()
