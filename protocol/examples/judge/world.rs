//! Worlds of the reference model as facts for the judge, and its verdicts in the model's words.
//!
//! Integers become ids that compare as they do, names become keys. Deliberately absent: any rule.

use omniscope_protocol::causal::Node;
use omniscope_protocol::judge::{Author, Fact, FactKind, Id, Judge, Role};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What came of reading; the error says what was expected.
pub(crate) type Outcome<T> = Result<T, String>;

/// The ops of a world, each after all of its deps, else in the order given.
pub(crate) struct World {
    pub(crate) facts: Vec<Fact>,
    names: Names,
    /// Whether any op is about devices: then the verdict lists them.
    devices: bool,
}

impl World {
    /// Reads a world from one line of JSON; any verdict in it is ignored.
    pub(crate) fn read(line: &str) -> Outcome<Self> {
        let world: Value = serde_json::from_str(line).map_err(|e| format!("not JSON: {e}"))?;
        let ops = world.get("ops").and_then(Value::as_array).ok_or("a world has a list \"ops\"")?;
        let mut names = Names::default();
        let facts = ops.iter().map(|op| names.fact(op)).collect::<Outcome<Vec<Fact>>>()?;
        let of_devices = |f: &Fact| matches!(f.kind, FactKind::AddDevice { .. } | FactKind::RemoveDevice { .. });
        let devices = facts.iter().any(of_devices);
        Ok(Self { facts: in_causal_order(facts)?, names, devices })
    }

    /// Judges the whole world.
    pub(crate) fn verdict(&self) -> Outcome<String> {
        let mut judge = Judge::new();
        for fact in &self.facts {
            judge.insert(fact).map_err(|e| format!("op {}: {e}", number(&fact.id)))?;
        }
        Ok(self.words(&judge))
    }

    /// The verdict of a judge that was given ops of this world.
    pub(crate) fn words(&self, judge: &Judge) -> String {
        let verdict = self.names.verdict(judge);
        match verdict.strip_suffix('}').filter(|_| self.devices) {
            Some(open) => format!("{open}, \"devices\": {{{}}}}}", self.names.devices(judge)),
            None => verdict,
        }
    }
}

/// The facts, each after all of its deps.
fn in_causal_order(facts: Vec<Fact>) -> Outcome<Vec<Fact>> {
    let mut missing: Vec<usize> = Vec::with_capacity(facts.len());
    let mut waiting: BTreeMap<Id, Vec<usize>> = BTreeMap::new();
    let ids: BTreeSet<Id> = facts.iter().map(|f| f.id).collect();
    if ids.len() < facts.len() {
        return Err("two ops with the same id".into());
    }
    for (i, fact) in facts.iter().enumerate() {
        let deps: BTreeSet<Id> = fact.deps.iter().copied().collect();
        missing.push(deps.len());
        deps.into_iter().for_each(|dep| waiting.entry(dep).or_default().push(i));
    }
    let mut ready: BTreeSet<usize> = (0..facts.len()).filter(|i| missing[*i] == 0).collect();
    let mut order = Vec::with_capacity(facts.len());
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for &i in waiting.get(&facts[next].id).into_iter().flatten() {
            missing[i] -= 1;
            if missing[i] == 0 {
                ready.insert(i);
            }
        }
    }
    if order.len() < facts.len() {
        return Err("missing or circular deps".into());
    }
    let mut facts: Vec<Option<Fact>> = facts.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|i| facts[i].take()).collect())
}

/// The model's names, as keys in the order of their first mention.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Names {
    fn author(&mut self, name: &str) -> Author {
        let next = self.names.len();
        let number = *self.numbers.entry(name.to_owned()).or_insert(next);
        if number == next {
            self.names.push(name.to_owned());
        }
        let mut author = [0; 32];
        author[..8].copy_from_slice(&(number as u64).to_be_bytes());
        author
    }

    fn name(&self, author: &Author) -> &str {
        let number = author[..8].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        &self.names[number]
    }

    fn fact(&mut self, op: &Value) -> Outcome<Fact> {
        let op = op.as_object().ok_or("an op is an object")?;
        let id = id(op.get("id").ok_or("an op has an \"id\"")?)?;
        let problem = |e: String| format!("op {}: {e}", number(&id));
        let author = text(op, "author").map_err(problem)?;
        let deps = ids(op.get("deps").ok_or("an op has a list \"deps\"")?)?;
        let kind = self.kind(op).map_err(|e| format!("op {}: {e}", number(&id)))?;
        Ok(Fact { id, author: self.author(&author), deps, kind })
    }

    fn kind(&mut self, op: &Map<String, Value>) -> Outcome<FactKind> {
        let cap = || optional(op, "cap", id);
        Ok(match text(op, "kind")?.as_str() {
            "set_role" => {
                FactKind::SetRole { subject: self.author(&text(op, "subject")?), role: role(op)?, cap: cap()? }
            }
            "invite" => FactKind::Invite {
                role: role(op)?,
                cap: cap()?,
                max_uses: optional(op, "max_uses", count)?,
                attester: optional(op, "attester", name)?.map(|name| self.author(&name)),
            },
            "revoke_invite" => FactKind::RevokeInvite { invite: required(op, "invite")?, cap: cap()? },
            "admit" => FactKind::Admit {
                invite: required(op, "invite")?,
                subject: self.author(&text(op, "subject")?),
                proof: optional(op, "proof", id)?,
            },
            "edit" => FactKind::Edit { adopts: optional(op, "adopts", ids)?.unwrap_or_default() },
            "leave" => FactKind::Leave,
            "add_device" => {
                FactKind::AddDevice { subject: self.author(&text(op, "subject")?), under: optional(op, "under", id)? }
            }
            "remove_device" => FactKind::RemoveDevice {
                subject: self.author(&text(op, "subject")?),
                under: optional(op, "under", id)?,
            },
            "close" => FactKind::Close { cap: cap()? },
            "plain" => FactKind::Plain,
            other => return Err(format!("unknown kind {other:?}")),
        })
    }

    fn devices(&self, judge: &Judge) -> String {
        let mut persons: Vec<(&str, Vec<&str>)> = Vec::new();
        for person in judge.persons_with_devices() {
            let mut devices: Vec<&str> = judge.devices(&person).iter().map(|d| self.name(d)).collect();
            devices.sort_unstable();
            persons.push((self.name(&person), devices));
        }
        persons.sort_unstable();
        let list = |names: &[&str]| names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(", ");
        let person = |(name, devices): &(&str, Vec<&str>)| format!("{}: [{}]", quoted(name), list(devices));
        persons.iter().map(person).collect::<Vec<_>>().join(", ")
    }

    fn verdict(&self, judge: &Judge) -> String {
        let list = |nodes: &mut dyn Iterator<Item = Node>| {
            let mut numbers: Vec<i64> = nodes.map(|n| number(judge.id(n))).collect();
            numbers.sort_unstable();
            numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
        };
        let mut roles: Vec<(&str, Role)> = judge.subjects().iter().map(|s| (self.name(s), judge.role(s))).collect();
        // By code point, as the model sorts; for UTF-8 that is the order of bytes.
        roles.sort_unstable();
        let roles: Vec<String> =
            roles.into_iter().map(|(name, role)| format!("{}: \"{}\"", quoted(name), role_name(role))).collect();
        format!(
            "{{\"accepted_edits\": [{}], \"valid_membership\": [{}], \"roles\": {{{}}}}}",
            list(&mut judge.accepted_edits()),
            list(&mut judge.valid_membership()),
            roles.join(", ")
        )
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::None => "none",
        Role::Viewer => "viewer",
        Role::Editor => "editor",
        Role::Owner => "owner",
    }
}

/// A JSON string in ASCII only, as Python writes it.
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    let mut out = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte < 0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out
}

fn number(id: &Id) -> i64 {
    let ordered = id[..8].iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
    (ordered ^ (1 << 63)) as i64
}

/// An integer as an id, such that ids compare as the integers do.
fn id(value: &Value) -> Outcome<Id> {
    let number = value.as_i64().ok_or_else(|| format!("expected an integer of 64 bits as id, not {value}"))?;
    let mut id = [0; 32];
    id[..8].copy_from_slice(&(number as u64 ^ (1 << 63)).to_be_bytes());
    Ok(id)
}

fn ids(value: &Value) -> Outcome<Vec<Id>> {
    value.as_array().ok_or_else(|| format!("expected a list of ids, not {value}"))?.iter().map(id).collect()
}

fn name(value: &Value) -> Outcome<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("expected a name, not {value}"))
}

/// A number of uses; what is below none is none, and what no history can reach is the most that can be said.
fn count(value: &Value) -> Outcome<u32> {
    let number = value.as_i64().ok_or_else(|| format!("expected a number of uses, not {value}"))?;
    Ok(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

fn role(op: &Map<String, Value>) -> Outcome<Role> {
    match text(op, "role")?.to_lowercase().as_str() {
        "none" => Ok(Role::None),
        "viewer" => Ok(Role::Viewer),
        "editor" => Ok(Role::Editor),
        "owner" => Ok(Role::Owner),
        other => Err(format!("unknown role {other:?}")),
    }
}

fn text(op: &Map<String, Value>, field: &str) -> Outcome<String> {
    name(op.get(field).ok_or_else(|| format!("field {field:?} is missing"))?)
}

fn required(op: &Map<String, Value>, field: &str) -> Outcome<Id> {
    id(op.get(field).ok_or_else(|| format!("field {field:?} is missing"))?)
}

fn optional<T>(op: &Map<String, Value>, field: &str, read: impl Fn(&Value) -> Outcome<T>) -> Outcome<Option<T>> {
    match op.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value).map(Some),
    }
}
