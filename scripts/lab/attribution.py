#!/usr/bin/env python3
"""Whose is each transaction? Holds what Stilt says against what the lab's driver knows.

usage: attribution.py OUT TRANSACTIONS.jsonl [--wrong]

OUT/requests.jsonl is written by scripts/lab/run; TRANSACTIONS.jsonl by `stilt replay OUT/capture.pcap --transactions`. Users are
told apart by the names that Stilt gives: a name is of the user who has most of its transactions, and a user goes by the name that
most of the own transactions have. So a user under two names, and two users under one, both count as errors. Attackers' requests
are left out. The last line is one JSON object with the figures.
"""
import collections
import json
import pathlib
import sys


def read(path):
    """Records, one a line."""
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def name_of(record):
    """What Stilt calls the one that a transaction is of; nothing where it knows no more than an address."""
    user = record.get("user", {}).get("id")
    actor = record.get("stilt", {}).get("actor", "")
    if user:
        return f"user:{user}"
    return None if actor.startswith("client:") or not actor else actor


def main():
    """The command line."""
    out, transactions = pathlib.Path(sys.argv[1]), sys.argv[2]
    said = {r.get("http", {}).get("request", {}).get("id"): r for r in read(transactions)}
    rows = [row for row in read(out / "requests.jsonl") if not row["episode"]]
    names = collections.defaultdict(collections.Counter)
    for row in rows:
        record = said.get(row["id"])
        name = name_of(record) if record else None
        row["name"], row["lost"] = name, record is None
        if name and row["user"]:
            names[name][row["user"]] += 1
    owner = {name: users.most_common(1)[0][0] for name, users in names.items()}
    goes_by = {}
    for user in {row["user"] for row in rows if row["user"]}:
        own = {name: users[user] for name, users in names.items() if owner[name] == user}
        goes_by[user] = max(own, key=own.get) if own else None
    counts = collections.Counter()
    for row in rows:
        if not row["user"]:
            taken = row["name"] is not None
            counts["nobody's" if not taken else "nobody's, given to somebody"] += 1
            continue
        name = row["name"]
        if name is None:
            verdict = "nobody"
        elif owner[name] != row["user"]:
            verdict = "another"
        else:
            verdict = "right" if name == goes_by[row["user"]] else "second name"
        counts[verdict] += 1
        if "--wrong" in sys.argv and verdict != "right":
            print(verdict, row["user"], name, row["id"], row["client"], row["method"], row["target"], row["status"])
    of_users = sum(counts[key] for key in ("right", "second name", "another", "nobody"))
    share = lambda key: round(100.0 * counts[key] / max(of_users, 1), 3)
    print(json.dumps({"capture": out.name, "of_users": of_users, "right": share("right"), "second_name": share("second name"),
                      "another": share("another"), "nobody": share("nobody"), "not_of_users": counts["nobody's"],
                      "given_to_somebody": counts["nobody's, given to somebody"]}))


if __name__ == "__main__":
    main()
