//! What must hold in every world, honest or not. Each invariant says how many cases it had something to check in.

use super::world::{Dice, EVERYONE, FOUNDER, GUESTS, MEMBERS, OUTSIDER, World};
use crate::causal::Node;
use crate::codec::{Reader, Writer};
use crate::judge::{Author, Fact, FactKind, Id, Judge, Role};
use crate::kept::Kept;
use std::collections::BTreeSet;

pub(super) struct Cases(pub(super) usize);
type Outcome = Result<Cases, String>;
type Invariant = fn(&mut World) -> Outcome;

pub(super) const INVARIANTS: [(&str, Invariant); 19] = [
    ("converges_any_order", converges_any_order),
    ("validity_pure", validity_pure),
    ("accepted_down_closed", accepted_down_closed),
    ("backdating_gains_nothing", backdating_gains_nothing),
    ("junior_cannot_void_senior", junior_cannot_void_senior),
    ("founder_irremovable_by_others", founder_irremovable_by_others),
    ("late_edits_never_shrink", late_edits_never_shrink),
    ("no_knowing_resurrection", no_knowing_resurrection),
    ("concurrent_roles_take_min", concurrent_roles_take_min),
    ("terminates_on_any_dag", terminates_on_any_dag),
    ("redeem_le_max", redeem_le_max),
    ("revoked_invite_admits_none_later", revoked_invite_admits_none_later),
    ("no_role_above_invite", no_role_above_invite),
    ("links_readd_nobody", links_readd_nobody),
    ("resignation_is_final", resignation_is_final),
    ("roles_tell_the_truth", roles_tell_the_truth),
    ("nobody_writes_beyond_what_it_knew", nobody_writes_beyond_what_it_knew),
    ("leaving_only_lowers", leaving_only_lowers),
    ("kept_plus_suffix_equals_full_replay", kept_plus_suffix_equals_full_replay),
];

fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

const EDIT: FactKind = FactKind::Edit { adopts: Vec::new() };

fn accepted(judge: &Judge) -> BTreeSet<Id> {
    judge.accepted_edits().map(|n| *judge.id(n)).collect()
}

fn valid(judge: &Judge) -> BTreeSet<Id> {
    judge.valid_membership().map(|n| *judge.id(n)).collect()
}

pub(super) fn verdict(judge: &Judge) -> (BTreeSet<Id>, BTreeSet<Id>, Vec<Role>) {
    (accepted(judge), valid(judge), EVERYONE.iter().map(|x| judge.role(x)).collect())
}

fn shuffled(facts: &[Fact], dice: &mut Dice) -> Vec<Fact> {
    let (mut waiting, mut known, mut order) = (facts.to_vec(), BTreeSet::new(), Vec::new());
    while !waiting.is_empty() {
        let ready: Vec<usize> =
            (0..waiting.len()).filter(|i| waiting[*i].deps.iter().all(|d| known.contains(d))).collect();
        let fact = waiting.swap_remove(dice.pick(&ready));
        known.insert(fact.id);
        order.push(fact);
    }
    order
}

/// What a judge kept at any point, and what it says of each later op, is what it says who never stopped.
fn kept_plus_suffix_equals_full_replay(w: &mut World) -> Outcome {
    let cut = 1 + w.dice.below(w.facts.len());
    let mut straight = w.in_order(&w.facts[..cut]);
    let mut writer = Writer::new();
    straight.keep(&mut writer);
    let bytes = writer.into_bytes();
    let mut resumed = Judge::regain(&mut Reader::new(&bytes)).map_err(|e| e.to_string())?;
    resumed.facts.rules = straight.facts.rules;
    for fact in &w.facts[cut..] {
        let (expected, found) = (straight.insert(fact), resumed.insert(fact));
        require(expected == found, || format!("cut at {cut}: {found:?}, expected {expected:?}"))?;
    }
    require(verdict(&resumed) == verdict(&straight), || format!("verdicts differ after a cut at {cut}"))?;
    let frontiers = (resumed.frontier().collect::<Vec<_>>(), straight.frontier().collect::<Vec<_>>());
    require(frontiers.0 == frontiers.1, || format!("frontiers differ after a cut at {cut}: {frontiers:?}"))?;
    Ok(Cases(usize::from(cut < w.facts.len())))
}

fn resigns(fact: &Fact) -> bool {
    match fact.kind {
        FactKind::SetRole { subject, role, .. } => subject == fact.author && role < Role::Owner,
        FactKind::Leave => true,
        _ => false,
    }
}

/// Structural owner grants.
fn caps(w: &World) -> Vec<Node> {
    let ranked = |n: &Node| w.judge.facts.deed(*n).is_some_and(|d| d.length.is_some());
    w.nodes().filter(ranked).collect()
}

fn subject(w: &World, node: Node) -> Option<Author> {
    match w.facts[node.index()].kind {
        FactKind::SetRole { subject, .. } | FactKind::Admit { subject, .. } => Some(subject),
        FactKind::Leave => Some(w.facts[node.index()].author),
        _ => None,
    }
}

/// Valid set_roles (and Leaves) to somebody that no valid grant to it has seen.
fn unreplaced(w: &World, x: Author) -> Vec<(Node, Role)> {
    let grants: Vec<Node> = w.nodes().filter(|n| subject(w, *n) == Some(x) && w.judge.valid(*n)).collect();
    let role = |n: &Node| match w.facts[n.index()].kind {
        FactKind::SetRole { role, .. } => Some((*n, role)),
        FactKind::Leave => Some((*n, Role::None)),
        _ => None,
    };
    let last = |n: &&Node| !grants.iter().any(|g| w.judge.causal().saw(*g, **n));
    grants.iter().filter(last).filter_map(role).collect()
}

fn any_past(w: &mut World) -> Vec<Node> {
    let all: Vec<Node> = w.nodes().collect();
    let tops = [w.dice.pick(&all), w.dice.pick(&all)];
    w.judge.causal().heads_of(&tops)
}

fn some_cap(w: &World, x: Author) -> Option<Id> {
    w.judge.live_cap(&x).map(|c| w.id(c))
}

fn frontier(w: &World) -> Vec<Node> {
    w.judge.frontier().collect()
}

/// Any delivery order gives one verdict and one frontier.
fn converges_any_order(w: &mut World) -> Outcome {
    let mut cases = 0;
    for _ in 0..3 {
        let order = shuffled(&w.facts, &mut w.dice);
        let other = w.in_order(&order);
        require(verdict(&other) == verdict(&w.judge), || "another order, another verdict".into())?;
        let heads = |j: &Judge| j.frontier().map(|n| *j.id(n)).collect::<BTreeSet<_>>();
        require(heads(&other) == heads(&w.judge), || "another order, another frontier".into())?;
        cases += usize::from(order != w.facts);
    }
    Ok(Cases(cases))
}

/// What is said of an op's own past never changes.
fn validity_pure(w: &mut World) -> Outcome {
    for top in any_past(w) {
        let mut part = w.past(top);
        part.push(top.index());
        let alone = w.part(&part);
        for i in &part {
            let here = Node(*i as u32);
            let there = alone.node(&w.id(here)).ok_or("a past without holes")?;
            require(alone.well_formed(there) == w.judge.well_formed(here), || format!("{here:?} by {top:?}"))?;
        }
    }
    Ok(Cases(1))
}

/// An accepted edit, and a valid op that is no resignation, has accepted edits only in its past; also if an attester
/// tries to slip a void one into a newcomer's.
fn accepted_down_closed(w: &mut World) -> Outcome {
    let void = w.nodes().find(|n| w.judge.is_edit(*n) && !w.judge.accepted(*n));
    let mut w = w.fork();
    if let Some(void) = void {
        for invite in w.invites() {
            for who in EVERYONE {
                if let Some((mut deps, proof)) = w.certificate(who, invite, &w.judge) {
                    deps.push(void);
                    let invite = w.id(invite);
                    w.add(who, &deps, FactKind::Admit { invite, subject: GUESTS[0], proof });
                }
            }
        }
    }
    let mut cases = 0;
    for n in w.nodes().filter(|n| w.judge.accepted(*n) || w.judge.valid(*n) && !resigns(&w.facts[n.index()])) {
        for e in w.past(n).into_iter().map(|i| Node(i as u32)).filter(|e| w.judge.is_edit(*e)) {
            require(w.judge.accepted(e), || format!("{n:?} counts and has {e:?} below"))?;
            cases += 1;
        }
    }
    Ok(Cases(cases))
}

/// Whoever is removed changes nothing by ops that do not know it, nor do attesters who still honour links issued or
/// attested by it; and nobody but an owner makes owner ops count.
fn backdating_gains_nothing(w: &mut World) -> Outcome {
    let mut cases = 0;
    for x in EVERYONE.into_iter().filter(|x| *x != FOUNDER) {
        if w.judge.role(&x) < Role::Owner {
            let mut after = w.fork();
            let known = (0..w.facts.len()).collect();
            for _ in 0..3 {
                let n = after.cheat(x, &known);
                let fact = &after.facts[n.index()];
                let edits = !after.judge.accepted(n) || w.judge.role(&x) == Role::Editor;
                let acts = !after.judge.valid(n) || resigns(fact) || matches!(fact.kind, FactKind::Admit { .. });
                require(edits && acts, || format!("{:?} counts", fact.kind))?;
            }
        }
        if w.facts.iter().any(|f| f.author == x && resigns(f)) || w.judge.live_cap(&FOUNDER) != Some(Node(0)) {
            continue;
        }
        // The founder removes it by the most senior cap, after which nothing lets it in again.
        let mut w = w.fork();
        let (heads, cap) = (frontier(&w), some_cap(&w, FOUNDER));
        let d = w.add(FOUNDER, &heads, FactKind::SetRole { subject: x, role: Role::None, cap });
        let before = (accepted(&w.judge), valid(&w.judge));
        let mut blind: BTreeSet<usize> = w.nodes().filter(|n| *n != d).map(Node::index).collect();
        for _ in 0..4 {
            let n = w.cheat(x, &blind);
            blind.insert(n.index());
        }
        for invite in w.invites() {
            let FactKind::Invite { attester: Some(attester), .. } = w.facts[invite.index()].kind else { continue };
            if (w.facts[invite.index()].author == x || attester == x) && !blind.is_empty() {
                let mine = w.part(&blind.iter().copied().collect::<Vec<_>>());
                let deps = mine.node(&w.id(invite)).map(|i| mine.next_admit_deps(&attester, i, None));
                let Some(deps) = deps else { continue };
                let deps: Vec<Node> = deps.iter().filter_map(|n| w.judge.node(mine.id(*n))).collect();
                let invite = w.id(invite);
                let n = w.add(attester, &deps, FactKind::Admit { invite, subject: GUESTS[1], proof: None });
                blind.insert(n.index());
            }
        }
        let same = (accepted(&w.judge), valid(&w.judge)) == before;
        require(same, || format!("{:?} after its removal", x[0] as char))?;
        cases += 1;
    }
    Ok(Cases(cases))
}

/// Nothing done under a cap voids what was done under a more senior one.
fn junior_cannot_void_senior(w: &mut World) -> Outcome {
    let mut cases = 0;
    for cap in caps(w) {
        let Some(junior) = subject(w, cap) else { continue };
        let mut after = w.fork();
        let mut deps = any_past(w);
        deps.push(cap);
        let named = Some(w.id(cap));
        for subject in MEMBERS {
            after.add(junior, &deps, FactKind::SetRole { subject, role: Role::None, cap: named });
        }
        let senior = |n: Node| w.judge.facts.seniority(n, cap).is_lt();
        for n in w.judge.valid_membership() {
            let deed = w.judge.facts.deed_at(n);
            if deed.invite.is_none() && deed.cap.is_some_and(senior) {
                require(after.judge.valid(n), || format!("{n:?} void by a junior under {cap:?}"))?;
                cases += 1;
            }
            let alive = |w: &World, x| w.judge.live_cap(&x) == Some(n);
            if let Some(x) = subject(w, n).filter(|x| deed.length.is_some() && senior(n) && alive(w, *x)) {
                require(after.judge.role(&x) == Role::Owner, || format!("{n:?} lost to a junior under {cap:?}"))?;
            }
        }
    }
    Ok(Cases(cases))
}

/// The founder stays owner until it resigns by its own hand.
fn founder_irremovable_by_others(w: &mut World) -> Outcome {
    if w.facts.iter().any(|f| f.author == FOUNDER && resigns(f)) {
        return Ok(Cases(0));
    }
    require(w.judge.role(&FOUNDER) == Role::Owner, || "the founder is out".into())?;
    let against = |f: &&Fact| matches!(f.kind, FactKind::SetRole { subject, .. } if subject == FOUNDER);
    Ok(Cases(w.facts.iter().filter(against).count() - 1))
}

/// An edit that turns up late takes nothing away.
fn late_edits_never_shrink(w: &mut World) -> Outcome {
    for x in EVERYONE {
        let mut after = w.fork();
        let deps = any_past(w);
        after.add(x, &deps, EDIT);
        require(accepted(&w.judge).is_subset(&accepted(&after.judge)), || "an edit went away".into())?;
        require(valid(&w.judge) == valid(&after.judge), || "membership changed".into())?;
    }
    Ok(Cases(1))
}

/// Whoever knows it all builds on void edits in vain, unless it adopts them and may edit.
fn no_knowing_resurrection(w: &mut World) -> Outcome {
    let void: Vec<Node> = w.nodes().filter(|n| w.judge.is_edit(*n) && !w.judge.accepted(*n)).collect();
    if void.is_empty() {
        return Ok(Cases(0));
    }
    for x in MEMBERS {
        let heads = w.heads();
        let mut plainly = w.fork();
        let n = plainly.add(x, &heads, EDIT);
        require(!plainly.judge.accepted(n), || format!("{:?} without adopting", x[0] as char))?;
        let mut openly = w.fork();
        let adopts = void.iter().map(|v| w.id(*v)).collect();
        let n = openly.add(x, &heads, FactKind::Edit { adopts });
        let back = openly.judge.accepted(n) && void.iter().all(|v| openly.judge.accepted(*v));
        require(back == (w.judge.role(&x) >= Role::Editor), || format!("{:?} adopting", x[0] as char))?;
        let taken = w.judge.adoption(&void);
        let mut advised = w.fork();
        let adopts = taken.adopts.iter().map(|v| w.id(*v)).collect();
        let n = advised.add(x, &taken.deps, FactKind::Edit { adopts });
        require(advised.judge.well_formed(n) >= (w.judge.role(&x) == Role::Owner), || "bad advice".into())?;
    }
    Ok(Cases(1))
}

/// Of concurrent set_roles that nobody has replaced, the lowest decides for all but owners.
fn concurrent_roles_take_min(w: &mut World) -> Outcome {
    let mut cases = 0;
    for x in EVERYONE {
        let last = unreplaced(w, x);
        if let Some(lowest) = last.iter().map(|l| l.1).min() {
            let role = w.judge.role(&x);
            require(role == Role::Owner || role <= lowest, || format!("{:?} is {role:?}", x[0] as char))?;
            cases += usize::from(last.len() > 1);
        }
    }
    Ok(Cases(cases))
}

/// Ends, and agrees, also where owners demote each other and themselves under all sorts of caps.
fn terminates_on_any_dag(w: &mut World) -> Outcome {
    let mut w = w.fork();
    let caps = caps(&w);
    let owners: Vec<Author> = caps.iter().filter_map(|c| subject(&w, *c)).collect();
    for cap in caps.iter().chain(&caps) {
        let Some(by) = subject(&w, *cap) else { continue };
        let mut deps = any_past(&mut w);
        deps.push(*cap);
        let (other, role) = (w.dice.pick(&owners), w.dice.pick(&[Role::None, Role::Editor]));
        for subject in [by, other] {
            let cap = Some(w.id(*cap));
            w.add(by, &deps, FactKind::SetRole { subject, role, cap });
        }
    }
    converges_any_order(&mut w)
}

/// A limited link admits no more than its limit, and by its attester only, also if it forks its chain.
fn redeem_le_max(w: &mut World) -> Outcome {
    let (mut w, mut cases) = (w.fork(), 0);
    for invite in w.invites() {
        let FactKind::Invite { max_uses: Some(max), attester, .. } = w.facts[invite.index()].kind else { continue };
        let id = w.id(invite);
        for who in attester.into_iter().chain([OUTSIDER]) {
            let mut last = invite;
            for _ in 0..3 {
                let deps = if w.dice.chance(50) { vec![invite] } else { vec![invite, last] };
                last = w.add(who, &deps, FactKind::Admit { invite: id, subject: GUESTS[0], proof: None });
            }
        }
        let admits = |n: &Node| matches!(w.facts[n.index()].kind, FactKind::Admit { invite, .. } if invite == id);
        let valid: Vec<Node> = w.nodes().filter(|n| admits(n) && w.judge.valid(*n)).collect();
        require(valid.len() <= max as usize, || format!("{} uses of {max}", valid.len()))?;
        require(valid.iter().all(|n| Some(w.facts[n.index()].author) == attester), || "another admitter".into())?;
        cases += usize::from(!valid.is_empty());
    }
    Ok(Cases(cases))
}

/// A revoked link admits nobody whom the revoker did not know of.
fn revoked_invite_admits_none_later(w: &mut World) -> Outcome {
    let (mut w, mut cases) = (w.fork(), 0);
    let revocations: Vec<(Node, Id)> = w
        .nodes()
        .filter(|n| w.judge.valid(*n))
        .filter_map(|n| match w.facts[n.index()].kind {
            FactKind::RevokeInvite { invite, .. } => Some((n, invite)),
            _ => None,
        })
        .collect();
    for (revocation, invite) in revocations {
        let Some(link) = w.judge.node(&invite) else { continue };
        for who in EVERYONE {
            if let Some((deps, proof)) = w.certificate(who, link, &w.judge) {
                w.add(who, &deps, FactKind::Admit { invite, subject: GUESTS[0], proof });
                cases += 1;
            }
        }
        for n in w.nodes().filter(|n| w.judge.valid(*n)) {
            let by = matches!(w.facts[n.index()].kind, FactKind::Admit { invite: i, .. } if i == invite);
            require(!by || w.judge.causal().saw(revocation, n), || format!("{n:?} after {revocation:?}"))?;
        }
    }
    Ok(Cases(cases))
}

/// Links give viewer or editor; who was only admitted holds no more than the best of its links.
fn no_role_above_invite(w: &mut World) -> Outcome {
    let mut cases = 0;
    for invite in w.invites() {
        let FactKind::Invite { role, .. } = w.facts[invite.index()].kind else { continue };
        require(role < Role::Owner || !w.judge.valid(invite), || format!("{invite:?} grants owner"))?;
        cases += 1;
    }
    for x in EVERYONE {
        let grants: Vec<Node> = w.nodes().filter(|n| subject(w, *n) == Some(x) && w.judge.valid(*n)).collect();
        let roles: Option<Vec<Role>> = grants
            .iter()
            .map(|n| match w.facts[n.index()].kind {
                FactKind::Admit { invite, .. } => {
                    w.judge.node(&invite).and_then(|i| w.judge.invite_state(i)).map(|s| s.role)
                }
                _ => None,
            })
            .collect();
        if let Some(best) = roles.and_then(|r| r.into_iter().max()) {
            require(w.judge.role(&x) <= best.min(Role::Editor), || "more than the link gave".into())?;
        }
    }
    Ok(Cases(cases))
}

/// A link brings nobody back whom a set_role that it had not seen has removed, and an unlimited one lowers nobody.
fn links_readd_nobody(w: &mut World) -> Outcome {
    let mut cases = 0;
    for invite in w.invites() {
        if !w.judge.valid(invite) {
            continue;
        }
        let unlimited = matches!(w.facts[invite.index()].kind, FactKind::Invite { max_uses: None, .. });
        for x in EVERYONE {
            let unseen = |(d, role): &(Node, Role)| *role == Role::None && !w.judge.causal().saw(invite, *d);
            let removed = unreplaced(w, x).iter().any(unseen);
            for who in EVERYONE {
                let Some((deps, proof)) = w.certificate(who, invite, &w.judge) else { continue };
                let mut after = w.fork();
                let n = after.add(who, &deps, FactKind::Admit { invite: w.id(invite), subject: x, proof });
                let (was, is) = (w.judge.role(&x), after.judge.role(&x));
                require(!unlimited || is >= was, || format!("{:?} lowered by {n:?}", x[0] as char))?;
                require(!removed || is <= was, || format!("{:?} is back by {n:?}", x[0] as char))?;
                cases += usize::from(removed && after.judge.valid(n));
            }
        }
    }
    Ok(Cases(cases))
}

/// Who resigned does not rise again by its own ops, nor bring in others or edits.
fn resignation_is_final(w: &mut World) -> Outcome {
    let mut w = w.fork();
    let Some(cap) = w.judge.live_cap(&MEMBERS[1]) else { return Ok(Cases(0)) };
    let (x, mut cases) = (MEMBERS[1], 0);
    let (heads, named) = (frontier(&w), Some(w.id(cap)));
    let before: Vec<Node> = w.nodes().collect();
    // Either it resigns, or a senior removes it and it forges a resignation that does not know.
    let forged = w.judge.live_cap(&FOUNDER) == Some(Node(0)) && w.dice.chance(50);
    let by = if forged { FOUNDER } else { x };
    let cap_of = if forged { some_cap(&w, FOUNDER) } else { named };
    w.add(by, &heads, FactKind::SetRole { subject: x, role: Role::None, cap: cap_of });
    let role = w.judge.role(&x);
    let others = |w: &World| w.facts.iter().filter(|f| f.author == x && resigns(f)).count();
    if role == Role::Owner || others(&w) > usize::from(!forged) {
        return Ok(Cases(0));
    }
    for deps in [heads.clone(), w.heads(), before] {
        for kind in [
            FactKind::SetRole { subject: x, role: Role::Owner, cap: named },
            FactKind::SetRole { subject: OUTSIDER, role: Role::Owner, cap: named },
            EDIT,
        ] {
            let mut after = w.fork();
            let first = after.add(x, &deps, kind);
            after.add(x, &[first], FactKind::SetRole { subject: x, role: Role::None, cap: named });
            require(after.judge.role(&x) <= role, || "it rose".into())?;
            require(!after.judge.valid(first) && !after.judge.accepted(first), || "it acts".into())?;
            cases += 1;
        }
    }
    Ok(Cases(cases))
}

/// The role is what a next, honest op may do; and the last word of the founder counts.
fn roles_tell_the_truth(w: &mut World) -> Outcome {
    let heads = frontier(w);
    let seen = |n: Node| heads.iter().any(|h| *h == n || w.judge.causal().saw(*h, n));
    if !w.judge.valid_membership().all(seen) {
        return Ok(Cases(0));
    }
    for x in EVERYONE {
        let role = w.judge.role(&x);
        let mut after = w.fork();
        let n = after.add(x, &heads, EDIT);
        require(after.judge.accepted(n) == (role >= Role::Editor), || format!("{:?} edits", x[0] as char))?;
        let other = if x == MEMBERS[4] { MEMBERS[3] } else { MEMBERS[4] };
        let mut able = false;
        for cap in caps(w) {
            let mut after = w.fork();
            let cap = Some(w.id(cap));
            let n = after.add(x, &heads, FactKind::SetRole { subject: other, role: Role::Editor, cap });
            able |= after.judge.valid(n);
        }
        require(able == (role == Role::Owner), || format!("{:?} grants", x[0] as char))?;
        if x != FOUNDER && w.judge.live_cap(&FOUNDER) == Some(Node(0)) {
            let mut after = w.fork();
            for role in [Role::None, Role::Editor, Role::Viewer] {
                let (heads, cap) = (frontier(&after), some_cap(&after, FOUNDER));
                after.add(FOUNDER, &heads, FactKind::SetRole { subject: x, role, cap });
                require(after.judge.role(&x) == role, || format!("{:?} is not {role:?}", x[0] as char))?;
            }
        }
    }
    Ok(Cases(1))
}

/// Whoever writes although it thinks itself removed writes in vain, even if the removal turns out void.
fn nobody_writes_beyond_what_it_knew(w: &mut World) -> Outcome {
    if w.judge.live_cap(&FOUNDER) != Some(Node(0)) {
        return Ok(Cases(0));
    }
    let (mut w, [_, a, b, ..]) = (w.fork(), MEMBERS);
    let cap = some_cap(&w, FOUNDER);
    let mut last = frontier(&w);
    for (subject, role) in [(a, Role::Owner), (b, Role::Editor)] {
        last = vec![w.add(FOUNDER, &last, FactKind::SetRole { subject, role, cap })];
    }
    let Some(junior) = some_cap(&w, a) else { return Ok(Cases(0)) };
    let removal = w.add(a, &last, FactKind::SetRole { subject: b, role: Role::None, cap: Some(junior) });
    let edit = w.add(b, &[removal], EDIT);
    require(!w.judge.accepted(edit), || "written while removed".into())?;
    w.add(FOUNDER, &last, FactKind::SetRole { subject: a, role: Role::None, cap });
    require(!w.judge.accepted(edit), || "written while it thought itself removed".into())?;
    Ok(Cases(usize::from(!w.judge.valid(removal))))
}

/// A Leave changes no role but its author's, which it only lowers, and no owner's; it takes back only what its author
/// admitted as a member.
fn leaving_only_lowers(w: &mut World) -> Outcome {
    let mut cases = 0;
    for x in EVERYONE {
        let mut after = w.fork();
        let deps = any_past(w);
        let n = after.add(x, &deps, FactKind::Leave);
        let admitted =
            w.facts.iter().any(|f| f.author == x && matches!(f.kind, FactKind::Admit { proof: Some(_), .. }));
        for y in EVERYONE {
            let (was, is) = (w.judge.role(&y), after.judge.role(&y));
            let fine = if x == y { is <= was && (was < Role::Owner || is == was) } else { is == was || admitted };
            require(fine, || format!("{:?} left, {:?} fell from {was:?} to {is:?}", x[0] as char, y[0] as char))?;
        }
        if after.judge.valid(n) && w.judge.role(&x) == Role::Editor {
            let late = after.add(x, &deps, EDIT);
            require(!after.judge.accepted(late), || "it left and writes".into())?;
            cases += 1;
        }
    }
    Ok(Cases(cases))
}
