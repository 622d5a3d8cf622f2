#!/usr/bin/env python3
"""Compares what `provisor check --json` found with a list of confirmed findings.

    scripts/compare-findings.py REPORT EXPECTED

Says what is new and what is missing, and ends with "N as expected, M not".
"""

import json
import sys


def main(report: str, expected: str) -> int:
    with open(report, encoding="utf-8") as file:
        checks = json.load(file)["checks"]
    with open(expected, encoding="utf-8") as file:
        known = json.load(file)["findings"]
    failed = {check["name"]: check for check in checks if check["outcome"] == "failed"}
    new = sorted(failed.keys() - known.keys())
    missing = sorted(known.keys() - failed.keys())
    for name in new:
        print(f"new: {name}: {failed[name]['why']}")
    for name in missing:
        outcome = next((check["outcome"] for check in checks if check["name"] == name), "not among the checks")
        print(f"missing: {name}: {outcome}")
    print(f"{len(known) - len(missing)} as expected, {len(new) + len(missing)} not")
    return 1 if new or missing else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
