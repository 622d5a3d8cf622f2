#!/usr/bin/env python3
"""Ask every page of a running console, signed in by a one-time link, and print p50, p99 and max of each; exit 1 if a p99 is above the limit.

Every page is asked once before it is measured; that first answer is printed beside the others."""
import argparse, http.client, json, os, re, time, urllib.parse

p = argparse.ArgumentParser()
p.add_argument("--link", required=True, help="signs in as owner"); p.add_argument("--facts", required=True, help="what bench/fill.rs printed")
p.add_argument("--times", type=int, default=200); p.add_argument("--limit", type=float, default=50, help="milliseconds")
p.add_argument("--pid", type=int, default=0, help="the server's process, for its CPU per answer")
p.add_argument("--only", default="", help="pages whose name or path contains this"); p.add_argument("--json", default="")
a = p.parse_args()
facts = json.load(open(a.facts)); url = urllib.parse.urlsplit(a.link)
connection = http.client.HTTPConnection(url.netloc); cookies = {}

def ask(path, form=None):
    headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()), "Accept": "text/html"}
    if form is not None: headers |= {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{url.netloc}"}
    started = time.perf_counter()
    connection.request("GET" if form is None else "POST", path, form, headers); answer = connection.getresponse(); body = answer.read()
    took = (time.perf_counter() - started) * 1000
    for cookie in answer.headers.get_all("Set-Cookie") or []:
        name, value = cookie.split(";")[0].split("=", 1); cookies[name] = value
    return answer.status, body.decode(), took

def cpu():  # milliseconds; what counts where others use the machine too
    if not a.pid: return 0.0
    f = open(f"/proc/{a.pid}/stat").read().rsplit(")", 1)[1].split(); return (int(f[11]) + int(f[12])) * 1000 / os.sysconf("SC_CLK_TCK")

page = ask(url.path)[1]
status, _, _ = ask(url.path, urllib.parse.urlencode({"csrf": re.search(r'name="csrf" value="([^"]+)"', page)[1]}))
if status != 303: raise SystemExit(f"the link did not sign in: {status}")

q = urllib.parse.quote
name, user, team, link = facts["userName"], f"/users/acme/{facts['user']}", f"/teams/acme/{facts['team']}", f"/connections/acme/{facts['connection']}"
day = lambda days: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - days * 86400))
pages = [
    ("overview", "/"), ("tokens", "/tokens"), ("tokens: unused", "/tokens?filter=unused"), ("new token", "/tokens/new"),
    ("tenants", "/tenants"), ("tenant", "/tenants/acme"), ("connections", "/connections"), ("connection", link), ("connection: settings", f"{link}/settings"),
    ("users", "/users"), ("users: one tenant", "/users?tenant=acme"), ("users: given name", "/users?q=lena"), ("users: one letter", "/users?q=a"),
    ("users: family name, frequent", "/users?q=wal"), ("users: part of a family name, rare", "/users?q=" + q(name.split("@")[0].split(".")[1][2:])),
    ("users: nobody", "/users?q=xyzzyxyzzy"), ("users: not ASCII", "/users?q=" + q("zoë")), ("users: both names", "/users?q=" + q("lena wal")),
    ("users: e-mail", "/users?q=" + q(name)), ("users: beginning of a userName", "/users?q=" + q(name[:8])), ("users: externalId", "/users?q=00u000000050000"),
    ("users: inactive", "/users?state=inactive"), ("users: active, by name", "/users?state=active&q=lena"), ("users: inactive, by name", "/users?state=inactive&q=zu"),
    ("users: deleted", "/users?state=deleted"), ("user", user), ("user: attributes", f"{user}?tab=attributes"), ("user: teams", f"{user}?tab=teams"),
    ("user: requests", f"{user}?tab=requests"), ("user: JSON", f"{user}?tab=json"), ("user: deactivate?", f"{user}/deactivate"),
    ("teams", "/teams"), ("teams: name", "/teams?q=sales"), ("teams: rare", "/teams?q=297"), ("team of a tenth", team), ("team: history", f"{team}?tab=history"),
    ("team: requests", f"{team}?tab=requests"), ("team: attributes", f"{team}?tab=attributes"), ("team: JSON", f"{team}?tab=json"), ("small team", f"/teams/acme/{facts['small_team']}"),
    ("why", "/why"), ("why: known", "/why?q=" + q(name)), ("why: unknown", "/why?q=nobody%40acme.example.com"), ("why: in a tenant", f"/why?tenant=acme&q={q(name)}"),
    ("log", "/log"), ("log: tenant", "/log?tenant=acme"), ("log: quiet tenant", "/log?tenant=customer-24"), ("log: connection", "/log?tenant=acme&connection=Okta"),
    ("log: errors", "/log?show=errors"), ("log: writes", "/log?show=writes"), ("log: errors and writes", "/log?show=errors_and_writes"),
    ("log: errors of a quiet tenant", "/log?show=errors&tenant=customer-24"), ("log: operation, frequent", "/log?operation=patch"), ("log: operation, rare", "/log?operation=delete"),
    ("log: operation, never", "/log?operation=bulk"), ("log: rare in a quiet tenant", "/log?operation=delete&tenant=customer-24"), ("log: cause, frequent", "/log?cause=uniqueness"),
    ("log: cause, rare", "/log?cause=version_conflict"), ("log: cause, never", "/log?cause=payload_too_large"), ("log: rare cause, quiet tenant", "/log?cause=version_conflict&tenant=customer-24"),
    ("log: status, rare", "/log?status=412"), ("log: status, never", "/log?status=207"), ("log: revoked token", "/log?tenant=acme&token=tok_2"),
    ("log: last hour", "/log?last=1h"), ("log: last 7 days", "/log?last=7d"), ("log: rare, last 7 days", "/log?operation=delete&last=7d"), ("log: a day", f"/log?since={q(day(3))}&until={q(day(2))}"),
    ("log: never, until days ago", f"/log?operation=bulk&until={q(day(2))}"), ("log: name", "/log?q=" + q(name)), ("log: unknown name", "/log?q=nobody%40acme.example.com"),
    ("log: not folded", "/log?fold=off"), ("log: by cause", "/log?group=cause"), ("log: by cause, a day", "/log?group=cause&last=24h"), ("log: by cause, quiet tenant", "/log?group=cause&tenant=customer-24"),
    ("request", f"/log/{facts['request']}"), ("audit", "/audit"), ("settings", "/settings"), ("API", "/api"), ("API: a part", re.search(r'href="(/api/[^"]+)"', ask("/api")[1])[1]), ("setup guide", "/setup/acme/" + link.rsplit("/")[-1]),
]
for path in [path for name, path in pages if name in ("users", "users: given name", "users: nobody", "teams", "team of a tenth", "log", "log: errors", "log: operation, never", "log: status, never")]:
    found = re.search(r'href="([^"]*[?&](?:amp;)?after=[^"]+)" rel="next"', ask(path)[1])
    if found: pages.append((f"{path}, next page", found[1].replace("&amp;", "&")))
print(f"{'page':42}{'status':>7}{'KB':>6}{'first ms':>10}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'cpu ms':>8}")
rows, slow = [], []
for name, path in pages:
    if a.only not in name and a.only not in path: continue
    status, body, first = ask(path)
    used = cpu(); took = sorted(ask(path)[2] for _ in range(a.times if first < 1000 else 5)); used = (cpu() - used) / len(took)
    row = {"page": name, "path": path, "status": status, "bytes": len(body), "first_ms": first, "p50_ms": took[len(took) // 2], "p99_ms": took[min(len(took) - 1, len(took) * 99 // 100)], "max_ms": took[-1], "cpu_ms": used}
    rows.append(row)
    if row["p99_ms"] > a.limit or status != 200: slow.append(row)
    mark = "" if row["p99_ms"] <= a.limit and status == 200 else "  <<<"
    print(f"{name[:41]:42}{status:>7}{len(body) / 1024:>6.0f}{first:>10.1f}{row['p50_ms']:>9.1f}{row['p99_ms']:>9.1f}{row['max_ms']:>9.1f}{used:>8.1f}{mark}", flush=True)
if a.json: json.dump(rows, open(a.json, "w"), indent=1)
if slow: raise SystemExit(f"{len(slow)} of {len(rows)} pages above {a.limit:g} ms or not answered 200: " + ", ".join(row["page"] for row in slow))
print(f"all {len(rows)} pages within {a.limit:g} ms")
