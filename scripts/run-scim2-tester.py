"""Runs every check of PyPI's scim2-tester against a server: run-scim2-tester.py BASE_URL TOKEN.

Runs in the environment that scripts/test makes for it. A missed MUST or SHOULD fails, as in
`scim2 test`; a check whose precondition is not met is skipped.
"""
import sys
import warnings
from collections import Counter

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

OUTCOME = {Status.DEVIATION: "failed", Status.ERROR: "failed", Status.CRITICAL: "failed", Status.SKIPPED: "skipped"}

warnings.simplefilter("ignore")
base, token = sys.argv[1:]
http = httpx2.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=30)
client = SyncSCIMClient(http)
client.discover()
count = Counter()
for result in check_server(client):
    outcome = OUTCOME.get(result.status, "passed")
    count[outcome] += 1
    if outcome == "failed":
        print(f"  FAIL {result.status.name} {result.title} {result.resource_type or ''}: {result.reason}")
print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
sys.exit(1 if count["failed"] or not count["passed"] else 0)
