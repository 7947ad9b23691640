#!/usr/bin/env python3
"""Why no op is ever final: a world in which two peers both had every reason to call what they held final.

The rule that one would like: what a checkpoint covers is final once every live owner has the checkpoint in its past; what
comes later and had not seen it changes nothing of it. Here F, whom nobody is senior to, works in two places at once, as
a founder with two computers that never meet could, or one who lies. In each place it makes another person owner, who
lets in an editor; the edit is covered by a checkpoint; both owners there have seen it. In each place F removes, before
all else, the owner of the other. Each place is the mirror image of the other.

Who has seen one place only finds all that the rule asks for. Who has seen both finds that neither edit counts, for each
has lost its owner to somebody who is senior. As the world is its own mirror image, no rule that looks
at who did what, how deep, by how many, and in which order can prefer one place: only the hashes differ, and F, who makes
the second place last, chooses those. A rule that keeps whatever came first is none, for to two peers different things
came first. So finality needs somebody who never works in two places; a workspace has nobody who is bound to that.

    authority_finality.py selftest
"""
import sys

from authority_leave import LeaveHistory
from authority_model import EDITOR, NONE, OWNER, Op

MIRROR = {"F": "F", "A": "B", "B": "A", "M": "N", "N": "M"}
FAR = 100                                  # added to the id of an op, it is the id of its mirror image


def place(owner: str, editor: str, other: str, base: int) -> list[Op]:
    """What happens in one place. A checkpoint is a plain op: it carries causality and nothing else."""
    def op(n, author, kind, after, **fields):
        return Op(base + n, author, kind, (base + after if after else 0,), **fields)

    return [
        op(1, "F", "set_role", 0, subject=other, role=NONE, cap=0),
        op(2, "F", "set_role", 1, subject=owner, role=OWNER, cap=0),
        op(3, owner, "set_role", 2, subject=editor, role=EDITOR, cap=base + 2),
        op(4, editor, "edit", 3),
        op(5, owner, "plain", 4),          # the checkpoint,
        op(6, "F", "plain", 5),            # which F has in its past,
        op(7, owner, "plain", 6),          # and so has the other owner, each by an op of its own
    ]


def world() -> tuple[list[Op], list[Op], list[Op]]:
    genesis = [Op(0, "F", "set_role", (), subject="F", role=OWNER)]
    return genesis, place("A", "M", "B", 0), place("B", "N", "A", FAR)


def mirrored(op: Op) -> tuple:
    def there(i):
        return i if not i else i + FAR if i < FAR else i - FAR

    return (there(op.id), MIRROR[op.author], op.kind, tuple(map(there, op.deps)), MIRROR.get(op.subject), op.role,
            there(op.cap))


def plain(op: Op) -> tuple:
    return (op.id, op.author, op.kind, op.deps, op.subject, op.role, op.cap)


def main() -> int:
    if sys.argv[1:] != ["selftest"]:
        print(__doc__)
        return 2
    genesis, here, there = world()
    for ops, checkpoint, edit in ((here, 5, 4), (there, 5 + FAR, 4 + FAR)):
        h = LeaveHistory(genesis + ops)
        verdict = h.judge().verdict()
        owners = [name for name, role in verdict["roles"].items() if role == "owner"]
        assert len(owners) == 2 and edit in verdict["accepted_edits"], "the edit counts by all that is known there"
        for name in owners:
            assert any(op.author == name and checkpoint in h.past[op.id] for op in ops), "every live owner has it in its past"
    everything = genesis + here + there
    assert sorted(map(mirrored, everything), key=repr) == sorted(map(plain, everything), key=repr), "its own mirror image"
    for order in (genesis + here + there, genesis + there + here):
        verdict = LeaveHistory(order).judge().verdict()
        roles = verdict["roles"]
        assert roles["A"] == roles["B"] == "none", "each owner was removed by a senior one that had not seen its work"
        assert not verdict["accepted_edits"], "of two edits that were final, each to somebody, none counts"
    return 0


if __name__ == "__main__":
    sys.exit(main())
