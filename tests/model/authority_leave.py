#!/usr/bin/env python3
"""The reference model with two more kinds of op, which change no verdict of worlds without them.

    leave    The author gives up its membership: a set_role to none of its author that names no cap.
             R3: structural if some structural grant to the author lies in its past.
             R4: without a cap it bites no owner grant; an owner resigns by a set_role.
             R5, R6: it acts under no cap, so nothing kills it.
             R15: it does not end what its author attests by name, which takes no membership; but it does end what
             its author admits as a member, by unlimited links: so it can take back, though never make, such admissions.
             Everywhere else it is that set_role.
    plain    Carries causality and nothing else (sessions, profiles, keys, checkpoints, versions).

    authority_leave.py generate --seed S --count N     worlds of authority_selftest with such ops strewn in
    authority_leave.py judge < worlds.jsonl            one verdict a line
    authority_leave.py selftest [--count N]            what a leave must and must not do, on such worlds
"""
from __future__ import annotations

import argparse
import json
import random
import sys

import authority_model as model
import authority_selftest as worlds
from authority_model import NONE, OWNER, History, Judgement, Op, in_causal_order


class WithLeave(Judgement):
    def structural(self, op):
        if op.kind == "plain":
            return False
        if op.kind == "set_role" and op.deps and op.cap is None and (op.subject, op.role) == (op.author, NONE):
            return op.id in self.history.leaves and any(
                i in self.history.structural and self.ops[i].kind in ("set_role", "admit")
                and self.ops[i].subject == op.author for i in self.universe)
        return super().structural(op)

    def bites(self, demotion, grant):
        return demotion.cap is not None and super().bites(demotion, grant)

    def may_attest(self, admit, invite):
        if invite.attester is None:
            return super().may_attest(admit, invite)
        return not any(d.role == NONE and d.id not in self.history.leaves and self.history.concurrent(d, admit)
                       and self.valid(d) for d in self.set_roles[admit.author])

    def trusted(self):
        plain = {i for i in self.universe if self.ops[i].kind == "plain"
                 and self.history.edits(self.past[i]) <= self.accepted()}
        return self.history.closure(super().trusted() | plain)


class LeaveHistory(History):
    """A history whose leave ops are kept as the set_roles that they are."""

    def __init__(self, ops=(), rules=None):
        self.leaves = set()
        super().__init__(ops, rules or WithLeave)

    def add(self, op):
        if op.kind == "leave":
            self.leaves.add(op.id)
            op = Op(op.id, op.author, "set_role", op.deps, subject=op.author, role=NONE)
        super().add(op)

    def extended(self, ops):
        copy = LeaveHistory(rules=self.rules)
        for name in ("ops", "past", "depth", "rank", "index", "structural", "clean", "well_formed", "view", "leaves"):
            setattr(copy, name, getattr(self, name).copy())
        for op in in_causal_order(ops, copy.ops):
            copy.add(op)
        return copy


model.FIELDS.update(leave=(), plain=())


def judge_world(world):
    return LeaveHistory([model.op_from_json(o) for o in world["ops"]]).judge().verdict()


def random_world(rng):
    """A world of the self-test, then more ops on it by everybody, leaves and plain ops among them."""
    h = LeaveHistory(worlds.random_world(rng).ops.values())
    ids = worlds.fresh_ids(rng, h)
    for _ in range(rng.randint(3, 14)):
        name, kind = rng.choice(worlds.EVERYONE), rng.choice(["leave", "leave", "plain", "edit", "any", "honest"])
        known = h.closure(rng.sample(sorted(h.ops), rng.randint(1, min(4, len(h.ops)))))
        author = worlds.Author(rng, h, name, known, ids)
        try:
            op = (author.dishonest() if kind == "any" else author.honest() if kind == "honest"
                  else author.op(kind, known if rng.random() < .6 else h.judge().trusted()))
        except (IndexError, ValueError):                 # nothing that this person could do on that past
            continue
        if op:
            h.add(op)
    return h


def to_json(h, op):
    out = model.op_to_json(op)
    if op.id in h.leaves:
        out = {"id": op.id, "author": op.author, "kind": "leave", "deps": list(op.deps)}
    return out


def check_leaves(seed):
    """Nobody honest rises or loses by another's leave; owners stay; who left writes no more."""
    rng = random.Random(seed)
    h = random_world(rng)
    j = h.judge()
    for name in worlds.EVERYONE:
        ids = worlds.fresh_ids(rng, h)
        leave = Op(ids(), name, "leave", h.heads(h.closure(rng.sample(sorted(h.ops), 2))))
        after = h.extended([leave]).judge()
        guests, more = {name}, True
        while more:                                      # whom it let in as a member, and whom those let in
            found = {a.subject for ops in j.admits.values() for a in ops if a.author in guests and a.proof is not None}
            guests, more = guests | found, not found <= guests
        for other in set(worlds.EVERYONE) - guests:
            assert after.role(other) == j.role(other), (seed, name, other)
        assert after.role(name) <= j.role(name), (seed, name)
        assert (after.role(name) == OWNER) == (j.role(name) == OWNER), (seed, name)
        if after.valid(after.ops[leave.id]) and after.role(name) == NONE:
            edit = Op(ids(), name, "edit", leave.deps)
            w = h.extended([leave, edit])
            assert edit.id not in w.judge().accepted(), (seed, name)
    return sum(i in j.valid_membership() for i in h.leaves)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["generate", "judge", "selftest"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    if args.command == "judge":
        for line in sys.stdin:
            print(json.dumps(judge_world(json.loads(line))))
        return
    seeds = range(args.seed, args.seed + args.count)
    if args.command == "selftest":
        print("valid leaves:", sum(map(check_leaves, seeds)))
        return
    for seed in seeds:
        h = random_world(random.Random(seed))
        ops = [to_json(h, op) for op in h.ops.values()]
        print(json.dumps({"seed": seed, "ops": ops, "verdict": h.judge().verdict()}))


if __name__ == "__main__":
    main()
