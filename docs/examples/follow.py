#!/usr/bin/env python3
"""Keeps an app's accounts and teams in step with one Provisor tenant.

    PROVISOR_URL=http://127.0.0.1:7070 PROVISOR_TOKEN=pvr_api_... python3 follow.py acme app.db

Python's standard library only. Stop it and start it again whenever you like.
"""
import http.client, json, os, sqlite3, sys, time, urllib.parse, urllib.request, uuid

TABLES = """
CREATE TABLE IF NOT EXISTS account (id PRIMARY KEY, tenant, name, email, may_sign_in);
CREATE TABLE IF NOT EXISTS link (tenant, user, account, PRIMARY KEY (tenant, user));
CREATE TABLE IF NOT EXISTS team (tenant, id, name, PRIMARY KEY (tenant, id));
CREATE TABLE IF NOT EXISTS member (tenant, team, member, PRIMARY KEY (tenant, team, member));
CREATE TABLE IF NOT EXISTS cursor (tenant PRIMARY KEY, seq);
"""


def get(path, **query):
    url = f"{os.environ['PROVISOR_URL']}/api/v1/tenants/{path}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url)
    request.add_header("Authorization", "Bearer " + os.environ["PROVISOR_TOKEN"])
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def pages(path):
    page = get(path, limit=200)
    while True:
        yield from page["data"]
        if not page["next"]:
            return
        page = get(path, limit=200, after=page["next"])


def put_user(db, tenant, user):
    """Finds the account by link, else by the app's own id, else makes one. Never by e-mail."""
    row = db.execute("SELECT account FROM link WHERE tenant=? AND user=?", (tenant, user["id"])).fetchone()
    row = row or db.execute("SELECT id FROM account WHERE id=? AND tenant=?", (user["app_id"], tenant)).fetchone()
    account = row[0] if row else str(uuid.uuid4())
    db.execute("INSERT OR REPLACE INTO account VALUES (?,?,?,?,?)",
               (account, tenant, user["display_name"], user["email"], user["active"]))
    db.execute("INSERT OR REPLACE INTO link VALUES (?,?,?)", (tenant, user["id"], account))


def put_team(db, tenant, team):
    db.execute("INSERT OR REPLACE INTO team VALUES (?,?,?)", (tenant, team["id"], team["display_name"]))


def join(db, tenant, pairs):
    db.executemany("INSERT OR IGNORE INTO member VALUES (?,?,?)", [(tenant, t, m) for t, m in pairs])


def apply(db, tenant, event):
    """Every step may run twice with the same result."""
    subject, what = event["type"].split(".")
    data, one = event["data"], event["data"]["id"]
    if what in ("deleted", "erased"):
        db.execute("DELETE FROM member WHERE tenant=? AND ? IN (team, member)", (tenant, one))
    if subject == "user" and what in ("deleted", "erased"):
        name, email = ("NULL", "NULL") if what == "erased" else ("name", "email")
        db.execute(f"UPDATE account SET may_sign_in=0, name={name}, email={email} WHERE id="
                   "(SELECT account FROM link WHERE tenant=? AND user=?)", (tenant, one))
    elif subject == "user":
        put_user(db, tenant, data)
        join(db, tenant, [(team, one) for team in event.get("memberships", [])])
    elif event["type"] == "team.deleted":
        db.execute("DELETE FROM team WHERE tenant=? AND id=?", (tenant, one))
    elif event["type"] == "team.members_changed":
        join(db, tenant, [(one, member) for member in event["added"]])
        db.executemany("DELETE FROM member WHERE tenant=? AND team=? AND member=?",
                       [(tenant, one, member) for member in event["removed"]])
    elif subject == "team":
        put_team(db, tenant, data)
        join(db, tenant, [(one, member) for member in event.get("memberships", [])])


def start(db, tenant):
    """First run: note the place in the feed, read everything, then follow from that place."""
    seq = get(f"{tenant}/events", after=0, limit=1)["last_seq"]
    with db:
        for table in ("team", "member"):
            db.execute(f"DELETE FROM {table} WHERE tenant=?", (tenant,))
        db.execute("UPDATE account SET may_sign_in=0 WHERE id IN (SELECT account FROM link WHERE tenant=?)", (tenant,))
        for user in pages(f"{tenant}/users"):
            put_user(db, tenant, user)
        for team in pages(f"{tenant}/teams"):
            put_team(db, tenant, team)
            join(db, tenant, [(team["id"], m["id"]) for m in pages(f"{tenant}/teams/{team['id']}/members")])
        db.execute("INSERT OR REPLACE INTO cursor VALUES (?,?)", (tenant, seq))
    return seq


def follow(db, tenant):
    row = db.execute("SELECT seq FROM cursor WHERE tenant=?", (tenant,)).fetchone()
    seq = row[0] if row else start(db, tenant)
    while True:
        page = get(f"{tenant}/events", after=seq, limit=200)
        if page["last_seq"] < seq:  # the server was restored from an older backup
            seq = start(db, tenant)
            continue
        with db:  # changes and cursor in one transaction: both or neither
            for event in page["data"]:
                if event["seq"] != seq + 1:  # cannot happen: the order has no gaps
                    raise RuntimeError(f"expected event {seq + 1}, got {event['seq']}")
                apply(db, tenant, event)
                seq = event["seq"]
                print(seq, event["type"], event["data"]["id"], flush=True)
            db.execute("UPDATE cursor SET seq=? WHERE tenant=?", (seq, tenant))
        if not page["data"]:
            time.sleep(1)


def main(tenant, path):
    db = sqlite3.connect(path)
    db.executescript(TABLES)
    while True:
        try:
            follow(db, tenant)
        except (OSError, ValueError, http.client.HTTPException) as error:  # also every answer that is not 2xx
            print(f"{error}; trying again in 5 s", file=sys.stderr, flush=True)
            time.sleep(5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
