#!/usr/bin/env python3
"""The reference model with several devices of one person, and with closing. No verdict of worlds without them changes.

A person is named by its first device, and roles are given to persons. R19:
    add_device     "subject": the new device, "under": the add that made the author a device, null for the first device.
                   Structural if "under" is such an add in its past, or, for null, some grant to the author is.
                   Its rank is its path of adds from the first device, compared as owner grants are (R2).
    remove_device  "subject": a device of the author's person, "under" as above. It ends the adds of that device that
                   had not seen it, and (null is the first device's rank) the first device itself, at whatever it had
                   not seen: so a removed device gains nothing by back-dating, and comes back by a new add only.
    Removals are judged first, by rank: only removals by more senior devices void one (by R5 along the path of adds).
    A removal by a junior ends a senior device too (that one may be lost), unless this device, or one senior to it,
    has removed the junior: so a thief of a junior device locks nobody out, and whom he removed answers by removing him.
    An add is valid if its author's own device is alive at it. Nothing here rests on roles.
    A device may do what its person may. A device that acts for its person under a cap must be alive at the op;
    nobody but the first device lowers its own person: no thief of another one resigns for it.
R36 close: an owner op with a "cap". Edits that had seen a close that is valid in their past are not well-formed; and it
revokes every link, for all admissions that it had not seen.

    authority_devices.py generate --seed S --count N     worlds with devices, closes, leaves and plain ops
    authority_devices.py judge < worlds.jsonl            one verdict a line
    authority_devices.py selftest [--count N]            what the rules must and must not do, on such worlds
    authority_devices.py scenarios FILE                  compare the named worlds of FILE with their verdicts
A verdict has beside the model's fields, where there are device ops: "devices": {person: [its live devices]}. Roles are
those that the device of that name has.
"""
from __future__ import annotations

import argparse
import json
import random
import sys
from collections import defaultdict
from dataclasses import dataclass

import authority_leave as leaves
import authority_model as model
import authority_selftest as worlds
from authority_leave import LeaveHistory, WithLeave
from authority_model import EDITOR, NONE, OWNER, VIEWER, Op, in_causal_order


@dataclass(frozen=True)
class DeviceOp(Op):
    """An op that names an add which its author stands on."""
    under: int | None = None


class WithDevices(WithLeave):
    def __init__(self, history, universe):
        self.adds, self.removals, self.closes = defaultdict(list), defaultdict(list), []
        sound = [history.ops[i] for i in universe if i in history.structural and i in history.clean]
        for op in sound:
            if op.kind == "add_device":
                self.adds[op.subject].append(op)
            elif op.kind == "remove_device":
                self.removals[op.subject].append(op)
            elif op.kind == "close":
                self.closes.append(op)
        super().__init__(history, universe)

    def order_of_judging(self, op):
        if op.kind == "remove_device":
            return (-2, self.device_rank(op.under), self.history.depth[op.id])
        if op.kind == "add_device":
            return (-1, self.history.depth[op.id])
        return super().order_of_judging(op)

    # ---- structure

    def person(self, op):
        return op.author if op.under is None else self.history.person[op.under]

    def device_rank(self, add):
        if add is None:
            return (0, ())
        length, path = self.device_rank(self.ops[add].under)
        return (length + 1, path + (self.tie_break(self.ops[add]),))

    def is_add(self, op_id):
        return op_id in self.universe and op_id in self.history.structural and self.ops[op_id].kind == "add_device"

    def persons(self, device):
        """Whom a device may act for by the adds in this universe, valid or not."""
        return {device} | {self.history.person[i] for i in self.universe if self.is_add(i)
                           and self.ops[i].subject == device}

    def structural(self, op):
        if op.kind in ("add_device", "remove_device"):
            if op.under is not None and not (self.is_add(op.under) and self.ops[op.under].subject == op.author):
                return False
            granted = any(i in self.history.structural and self.ops[i].kind in ("set_role", "admit")
                          and self.ops[i].subject == op.author for i in self.universe)
            if op.under is None and not granted:
                return False
            if op.kind == "add_device":
                return op.subject != op.author
            person = self.person(op)
            return op.subject == person or any(
                self.is_add(i) and self.ops[i].subject == op.subject and self.history.person[i] == person
                for i in self.universe)
        cap = self.ops.get(op.cap) if op.cap in self.universe else None
        if op.kind == "close":
            return cap is not None and cap.id in self.rank and cap.subject in self.persons(op.author)
        if (op.kind in ("set_role", "invite", "revoke_invite") and cap is not None and cap.id in self.rank
                and cap.subject != op.author and cap.subject in self.persons(op.author)):
            if op.kind != "set_role":
                return self.structural_invite(op)
            return not (op.subject == cap.subject and op.role < OWNER)
        return super().structural(op)

    # ---- devices

    def ends(self, removal, device, add, at, below=None):
        """Whether a removal ends a device's add (None: the first device) at an op; `below` lets only those count that
        are by devices senior to that rank."""
        rank = self.device_rank(removal.under)
        if below is not None and rank >= below:
            return False
        return ((add is None or removal.id not in self.past[add]) and self.not_seen(at, removal)
                and self.valid(removal) and not self.answered(removal, add, rank))

    def answered(self, removal, add, rank):
        """Whether a junior's removal of a senior device was answered: by that one or a senior one removing the junior."""
        target = self.device_rank(add)
        return rank > target and any(
            self.person(r) == self.person(removal) and self.device_rank(r.under) <= target
            and (removal.under is None or r.id not in self.past[removal.under]) and self.valid(r)
            for r in self.removals[removal.author])

    def ended(self, person, device, add, at, below=None):
        return any(self.person(r) == person and self.ends(r, device, add, at, below) for r in self.removals[device])

    def is_valid_removal(self, op):
        below, under, at, device, person = self.device_rank(op.under), op.under, op, op.author, self.person(op)
        while True:
            if under is not None and under not in self.history.clean:
                return False
            if self.ended(person, device, under, at, below):
                return False
            if under is None:
                return True
            at = self.ops[under]
            device, under = at.author, at.under

    def device_alive(self, person, device, at):
        """Whether a device acts for a person at an op (none: at a next one)."""
        past = self.universe if at is None else self.past[at.id]
        if device == person and not self.ended(person, device, None, at):
            return True
        return any(a.id in past and self.person(a) == person and self.valid(a)
                   and not self.ended(person, device, a.id, at) for a in self.adds[device])

    def is_valid_owner_op(self, op):
        if op.kind == "remove_device":
            return self.is_valid_removal(op)
        if op.kind == "add_device":
            add = op.under
            return (add is None or self.valid(self.ops[add])) and not self.ended(self.person(op), op.author, add, op)
        if not super().is_valid_owner_op(op):
            return False
        person = op.author if op.cap is None else self.ops[op.cap].subject
        return self.device_alive(person, op.author, op)

    # ---- roles

    def person_role(self, person, at=None):
        return super().role(person, at)

    def role(self, device, at=None):
        past = self.universe if at is None else self.past[at.id]
        persons = {device} | {self.person(a) for a in self.adds[device] if a.id in past}
        return max((self.person_role(p, at) for p in persons if self.device_alive(p, device, at)), default=NONE)

    def is_well_formed(self, edit):
        return not any(self.valid(c) for c in self.closes) and super().is_well_formed(edit)

    def endorses(self, op):
        return op.kind not in ("add_device", "remove_device") and super().endorses(op)

    # ---- links

    def admissible(self, admit):
        return super().admissible(admit) and not any(self.not_seen(admit, c) and self.valid(c) for c in self.closes)

    def may_attest(self, admit, invite):
        if invite.attester is None or not super().may_attest(admit, invite):
            return invite.attester is None and super().may_attest(admit, invite)
        missed = lambda d: self.history.concurrent(d, admit)
        for person, add in [(admit.author, None)] + [(self.person(a), a.id) for a in self.adds[admit.author]]:
            if any(self.person(r) == person and missed(r) and self.ends(r, admit.author, add, admit)
                   for r in self.removals[admit.author]):
                return False
            if any(d.role == NONE and d.id not in self.history.leaves and missed(d) and self.valid(d)
                   for d in self.set_roles[person]):
                return False
        return True

    # ---- what callers ask

    def devices(self):
        known = {(self.history.person[i], self.ops[i].subject) for i in self.universe if i in self.history.person}
        return {p: sorted(d for d in {p} | {d for q, d in known if q == p} if self.device_alive(p, d, None))
                for p in sorted({p for p, _ in known})}

    def verdict(self):
        out = super().verdict()
        if any(self.ops[i].kind in ("add_device", "remove_device") for i in self.universe):
            out["devices"] = self.devices()
        return out


class DeviceHistory(LeaveHistory):
    def __init__(self, ops=(), rules=None):
        self.person = {}                             # of structural adds
        super().__init__(ops, rules or WithDevices)

    def add(self, op):
        super().add(op)
        if op.kind == "add_device" and op.id in self.structural:
            self.person[op.id] = op.author if op.under is None else self.person[op.under]

    def extended(self, ops):
        copy = type(self)(rules=self.rules)
        for name in ("ops", "past", "depth", "rank", "index", "structural", "clean", "well_formed", "view", "leaves",
                     "person"):
            setattr(copy, name, getattr(self, name).copy())
        for op in in_causal_order(ops, copy.ops):
            copy.add(op)
        return copy


model.FIELDS.update(add_device=("subject", "under"), remove_device=("subject", "under"), close=("cap",))


def from_json(data):
    if data["kind"] in ("add_device", "remove_device"):
        return DeviceOp(data["id"], data["author"], data["kind"], tuple(data["deps"]), subject=data["subject"],
                        under=data.get("under"))
    return model.op_from_json(data)


def judge_world(world):
    return DeviceHistory([from_json(o) for o in world["ops"]]).judge().verdict()


# ---------------------------------------------------------------- worlds

DEVICES = ["F2", "F3", "A2", "A3", "B2"]
OWNER_OF = {"F2": "F", "F3": "F", "A2": "A", "A3": "A", "B2": "B"}


def some_device_op(rng, h, name, past, ids):
    """An add or a removal by a device, as a rule of its own person, on a past."""
    unders = [i for i in sorted(past) if i in h.person and h.ops[i].subject == name]
    first = any(h.ops[i].subject == name and h.ops[i].kind in ("set_role", "admit") for i in past)
    choices = unders + [None] * first
    if not choices:
        return None
    under = rng.choice(choices)
    person = name if under is None else h.person[under]
    if rng.random() < .55:
        mine = [d for d in DEVICES if OWNER_OF[d] == person]
        subject = rng.choice(mine if mine and rng.random() < .8 else DEVICES + worlds.MEMBERS)
        kind = "add_device"
    else:
        known = sorted({h.ops[i].subject for i in past if i in h.person and h.person[i] == person})
        subject, kind = rng.choice(known + [person]), "remove_device"
    if subject == name and kind == "add_device":
        return None
    return DeviceOp(ids(), name, kind, h.heads(past), subject=subject, under=under)


def acted(rng, h, name, past, ids):
    """What a device does for its person: edits, owner ops under one of its caps, closes."""
    persons = sorted({name} | {h.person[i] for i in past if i in h.person and h.ops[i].subject == name})
    caps = [i for i in sorted(past) if i in h.rank and h.ops[i].subject in persons]
    kind = rng.choice(["edit", "edit", "edit", "set_role", "set_role", "invite", "close"] if caps else ["edit"])
    if kind == "edit":
        return Op(ids(), name, "edit", h.heads(past))
    if kind == "close" and rng.random() < .6:
        kind = "set_role"
    cap = rng.choice(caps)
    if kind == "set_role":
        return Op(ids(), name, kind, h.heads(past), subject=rng.choice(worlds.MEMBERS + DEVICES), cap=cap,
                  role=rng.choice([NONE, VIEWER, EDITOR, OWNER]))
    if kind == "invite":
        attester = rng.choice(["R", name])
        return Op(ids(), name, kind, h.heads(past), role=rng.choice([VIEWER, EDITOR]), cap=cap, max_uses=2,
                  attester=attester)
    return Op(ids(), name, kind, h.heads(past), cap=cap)


def random_world(rng):
    """A world of the self-test cut short, then more ops on it by everybody and their devices."""
    base = list(worlds.random_world(rng).ops.values())
    h = DeviceHistory(base[:rng.randint(3, max(3, len(base)))])
    ids = worlds.fresh_ids(rng, h)
    for device in rng.sample(DEVICES, rng.randint(0, 4)):
        person, past = OWNER_OF[device], h.rules(h, frozenset(h.ops)).trusted()
        unders = [None] + [i for i in sorted(past) if i in h.person and h.person[i] == person]
        under = rng.choice(unders)
        author = person if under is None else h.ops[under].subject
        if author != device:
            h.add(DeviceOp(ids(), author, "add_device", h.heads(past), subject=device, under=under))
    for _ in range(rng.randint(6, 26)):
        added = [d for d in DEVICES if any(h.ops[i].subject == d for i in h.person)]
        name = rng.choice(worlds.MEMBERS[:2] * 3 + added * 3 + worlds.EVERYONE + DEVICES)
        known = h.closure(rng.sample(sorted(h.ops), rng.randint(1, min(4, len(h.ops)))))
        if rng.random() < .6:
            known = h.rules(h, known if rng.random() < .5 else frozenset(h.ops)).trusted() or known
        kind = rng.choice(["device", "device", "device", "act", "act", "leave", "plain", "any"])
        author = worlds.Author(rng, h, name, known, ids)
        try:
            op = (some_device_op(rng, h, name, known, ids) if kind == "device" else acted(rng, h, name, known, ids)
                  if kind == "act" else author.dishonest() if kind == "any" else author.op(kind, known))
        except (IndexError, ValueError):
            continue
        if op:
            h.add(op)
    return h


def to_json(h, op):
    return leaves.to_json(h, op)


# ---------------------------------------------------------------- what must hold

def check(seed):
    rng = random.Random(seed)
    h = random_world(rng)
    j, ids, seen = h.judge(), worlds.fresh_ids(rng, h), defaultdict(int)
    seen["device ops that count"] += sum(i in j.valid_membership() for i in h.ops
                                         if h.ops[i].kind in ("add_device", "remove_device"))
    seen["closes that count"] += any(j.valid(c) for c in j.closes)
    everybody = sorted({o.subject for o in h.ops.values() if o.subject} | {o.author for o in h.ops.values()})
    # Order of delivery.
    ops = [from_json(to_json(h, o)) for o in h.ops.values()]
    rng.shuffle(ops)
    assert DeviceHistory(in_causal_order(ops)).judge().verdict() == j.verdict(), (seed, "order matters")
    # Adding a device changes nobody else's role and accepts no edit by others.
    for person in rng.sample(everybody, 2):
        op = DeviceOp(ids(), person, "add_device", h.heads(h.closure(rng.sample(sorted(h.ops), 1))), subject="Z")
        w = h.extended([op])
        k = w.judge()
        for other in everybody:
            assert k.role(other) == j.role(other), (seed, "adding raised", other)
        assert k.role("Z") <= j.person_role(person), (seed, "more than its person")
        assert k.accepted() == j.accepted(), (seed, "adding accepted edits")
    # A removed device gains nothing by back-dating.
    for device in DEVICES:
        persons = j.persons(device) - {device}
        mine = {r.id for r in j.removals[device]}
        if len(persons) != 1 or not mine or j.role(device) > NONE or j.device_alive(*persons, device, None):
            continue
        for _ in range(3):
            blind = sorted(i for i in h.ops if i not in mine and not mine & h.past[i])
            op = acted(rng, h, device, h.closure(rng.sample(blind, 1)), ids)
            k = h.extended([op]).judge()
            assert not k.valid(k.ops[op.id]) and op.id not in k.accepted(), (seed, "back-dated", op)
            seen["back-dated"] += any(a.id in k.past[op.id] for a in j.adds[device])
    # Whoever has the first device is locked out by nobody's device: it removes all others and is there again.
    for person in rng.sample(everybody, 2):
        if person not in j.devices() or j.device_alive(person, person, None):
            continue
        if not any(o.kind in ("set_role", "admit") and o.subject == person and o.id in h.structural for o in h.ops.values()):
            continue
        known = {h.ops[i].subject for i in h.person if h.person[i] == person} - {person}
        heads = h.heads(j.trusted() | h.closure([i for i in h.person if h.person[i] == person]))
        w, last = h, heads
        for device in sorted(known):
            op = DeviceOp(ids(), person, "remove_device", last, subject=device)
            w, last = w.extended([op]), (op.id,)
            if op.id not in w.structural or op.id not in w.clean:
                break
        else:
            k = w.judge()
            own = [r for r in k.removals[person] if k.valid(r) and k.person(r) == person and r.author == person]
            if not own:
                assert k.device_alive(person, person, None), (seed, "locked out", person)
                seen["answered"] += 1
    # After a close that counted already by its own past nothing is written, and no link lets anybody in. (One by a device
    # whose removal is answered later counts from then on only.)
    for c in [c for c in j.closes if j.valid(c)]:
        for name in everybody if h.rules(h, h.past[c.id] | {c.id}).valid(c) else []:
            op = Op(ids(), name, "edit", (c.id,))
            assert op.id not in h.extended([op]).judge().accepted(), (seed, "written after closing")
        for ops in j.admits.values():
            assert all(not j.valid(a) or a.id in h.past[c.id] for a in ops), (seed, "admitted after closing")
    return seen


def check_scenarios(path):
    with open(path, encoding="utf-8") as file:
        scenarios = json.load(file)
    wrong = [s["name"] for s in scenarios if judge_world(s) != s["verdict"]]
    print(f"{len(scenarios) - len(wrong)} of {len(scenarios)} scenarios as expected", *wrong, sep="\n  ")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("command", choices=["generate", "judge", "selftest", "scenarios"])
    parser.add_argument("file", nargs="?")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    if args.command == "scenarios":
        sys.exit(check_scenarios(args.file))
    if args.command == "judge":
        for line in sys.stdin:
            print(json.dumps(judge_world(json.loads(line))))
        return
    seeds = range(args.seed, args.seed + args.count)
    if args.command == "selftest":
        total = defaultdict(int)
        for seed in seeds:
            for name, n in check(seed).items():
                total[name] += n
        print(dict(total))
        assert len(total) == 4 and all(total.values()), "something had nothing to check"
        return
    for seed in seeds:
        h = random_world(random.Random(seed))
        ops = [to_json(h, op) for op in h.ops.values()]
        print(json.dumps({"seed": seed, "ops": ops, "verdict": h.judge().verdict()}))


if __name__ == "__main__":
    sys.modules.setdefault("authority_devices", sys.modules["__main__"])
    main()
