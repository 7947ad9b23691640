//! What must hold of several devices of one person (Rule R19) and of closed workspaces (Rule R36), on top of random
//! worlds; each with the rule switched off is broken somewhere.

use super::first_seed;
use super::world::{FOUNDER, World};
use crate::judge::rules::Rule;
use crate::judge::{Author, FactKind, Role};

const DEVICE: Author = [b'2'; 32];
const OTHER: Author = [b'3'; 32];
const WORLDS: u64 = 120;

const ADD: FactKind = FactKind::AddDevice { subject: DEVICE, under: None };
const EDIT: FactKind = FactKind::Edit { adopts: Vec::new() };

/// Somebody who may edit, acting by its own first device.
fn editor(world: &World) -> Option<Author> {
    let members = world.judge.members();
    members.iter().find(|m| m.role >= Role::Editor && m.person == m.author).map(|m| m.author)
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

/// A device may what its person may, and after its removal gains nothing by back-dating.
fn removed_devices_gain_nothing(world: &mut World) -> Result<usize, String> {
    let Some(person) = editor(world) else { return Ok(0) };
    let top: Vec<_> = world.judge.frontier().collect();
    let added = world.add(person, &top, ADD);
    let before = world.add(DEVICE, &[added], EDIT);
    ensure(world.judge.role(&DEVICE) == world.judge.role(&person) && world.judge.accepted(before), "acts")?;
    world.add(person, &[before], FactKind::RemoveDevice { subject: DEVICE, under: None });
    let late = world.add(DEVICE, &[before], EDIT);
    ensure(world.judge.accepted(before), "what the removal had seen stays")?;
    ensure(!world.judge.accepted(late) && world.judge.role(&DEVICE) == Role::None, "back-dated")?;
    Ok(1)
}

/// A thief of a junior device removes the first one and adds a device of his own: the first one answers.
fn nobody_is_locked_out_by_a_junior_device(world: &mut World) -> Result<usize, String> {
    let Some(person) = editor(world) else { return Ok(0) };
    let role = world.judge.role(&person);
    let top: Vec<_> = world.judge.frontier().collect();
    let added = world.add(person, &top, ADD);
    let under = Some(world.id(added));
    let theft = world.add(DEVICE, &[added], FactKind::RemoveDevice { subject: person, under });
    ensure(world.judge.devices(&person) == [DEVICE], "a lost first device can be removed")?;
    world.add(DEVICE, &[theft], FactKind::AddDevice { subject: OTHER, under });
    world.add(person, &[theft], FactKind::RemoveDevice { subject: DEVICE, under: None });
    ensure(world.judge.devices(&person) == [person] && world.judge.role(&person) == role, "locked out")?;
    Ok(1)
}

/// Nobody's role rises by a device, and only the first device gives up its person's ownership.
fn devices_raise_nobody(world: &mut World) -> Result<usize, String> {
    let Some(person) = editor(world) else { return Ok(0) };
    let before: Vec<_> = world.judge.members().iter().map(|m| (m.author, m.role)).collect();
    let top: Vec<_> = world.judge.frontier().collect();
    let added = world.add(person, &top, ADD);
    let members = world.judge.members();
    let after: Vec<_> = members.iter().filter(|m| m.author != DEVICE).map(|m| (m.author, m.role)).collect();
    ensure(before == after, "a role changed")?;
    if let Some(cap) = world.judge.live_cap(&DEVICE) {
        let cap = Some(world.id(cap));
        world.add(DEVICE, &[added], FactKind::SetRole { subject: person, role: Role::None, cap });
        ensure(world.judge.role(&person) == Role::Owner, "resigned by another device")?;
    }
    Ok(1)
}

/// What had seen a close is not written; what had not, stays.
fn closed_workspaces_take_no_edits(world: &mut World) -> Result<usize, String> {
    let Some(cap) = world.judge.live_cap(&FOUNDER) else { return Ok(0) };
    let top: Vec<_> = world.judge.frontier().collect();
    let cap = Some(world.id(cap));
    let closed = world.add(FOUNDER, &top, FactKind::Close { cap });
    let concurrent = world.add(FOUNDER, &top, EDIT);
    let late = world.add(FOUNDER, &[closed], EDIT);
    ensure(world.judge.closed() && world.judge.accepted(concurrent), "concurrent edits stay")?;
    ensure(!world.judge.accepted(late), "written after closing")?;
    Ok(1)
}

/// No link admits anybody whom the close had not seen.
fn closed_workspaces_admit_nobody(world: &mut World) -> Result<usize, String> {
    let Some(cap) = world.judge.live_cap(&FOUNDER) else { return Ok(0) };
    let top: Vec<_> = world.judge.frontier().collect();
    let cap = Some(world.id(cap));
    let attester = Some(FOUNDER);
    let link = world.add(FOUNDER, &top, FactKind::Invite { role: Role::Viewer, cap, max_uses: Some(2), attester });
    let invite = world.id(link);
    let admit = |subject| FactKind::Admit { invite, subject, proof: None };
    let first = world.add(FOUNDER, &[link], admit(DEVICE));
    world.add(FOUNDER, &[first], FactKind::Close { cap });
    let second = world.add(FOUNDER, &[first], admit(OTHER));
    ensure(world.judge.valid(first), "who was in stays in")?;
    ensure(!world.judge.valid(second) && world.judge.role(&OTHER) == Role::None, "admitted after closing")?;
    Ok(1)
}

type Invariant = fn(&mut World) -> Result<usize, String>;

fn holds(name: &str, invariant: Invariant, needs: Option<Rule>) {
    let first = first_seed();
    let mut cases = 0;
    for seed in first..first + WORLDS {
        match invariant(&mut World::random(seed, None)) {
            Ok(seen) => cases += seen,
            Err(broken) => panic!("{name} is broken in world {seed}: {broken}"),
        }
    }
    assert!(cases > 0, "{name} had nothing to check");
    if let Some(rule) = needs {
        let noticed = (first..first + WORLDS).any(|seed| invariant(&mut World::random(seed, Some(rule))).is_err());
        assert!(noticed, "{name} holds without {rule:?}");
    }
}

#[test]
fn removed_devices_gain_nothing_by_back_dating() {
    holds("removed_devices_gain_nothing", removed_devices_gain_nothing, Some(Rule::R19));
}

#[test]
fn a_thief_of_a_junior_device_locks_nobody_out() {
    let rule = Some(Rule::R19Answer);
    holds("nobody_is_locked_out_by_a_junior_device", nobody_is_locked_out_by_a_junior_device, rule);
}

#[test]
fn adding_devices_raises_nobody() {
    holds("devices_raise_nobody", devices_raise_nobody, None);
}

#[test]
fn a_closed_workspace_takes_no_edits() {
    holds("closed_workspaces_take_no_edits", closed_workspaces_take_no_edits, Some(Rule::R36));
}

#[test]
fn a_closed_workspace_admits_nobody() {
    holds("closed_workspaces_admit_nobody", closed_workspaces_admit_nobody, Some(Rule::R36Links));
}
