//! The gate's shadow of the document: to which map, key or text each clock belongs, and in which order they stand there.
//!
//! Holds facts that no later op changes. Deliberately absent: deletion and content, which are the document's.

use std::collections::BTreeMap;

use super::order::{Draft, New};
use super::runs::{Added, NO_TYPE, Run, Runs};
use super::schema::{Place, ROOTS, Rule};
use super::structs::{Content, Id, Parent, Struct};
use super::update::Update;

/// How far each client reaches in the causal past of an op.
pub trait Past {
    /// How many clocks of a client, from 0, lie in the past; 0 for an unknown one.
    fn end(&self, client: u64) -> u64;
}

/// Why an update does not fit where its op stands. Its author is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("structs of client {found} in a session of client {expected}")]
    Client { expected: u64, found: u64 },
    #[error("clocks do not follow those of the session: expected {expected}, found {found}")]
    Clock { expected: u64, found: u64 },
    #[error("{client}:{clock} is named, but is not in the past")]
    Outside { client: u64, clock: u64 },
    #[error("{client}:{clock} is deleted, but is not in the past")]
    DeleteOutside { client: u64, clock: u64 },
    #[error("the struct at {0} has neighbours in different places")]
    Neighbours(u64),
    #[error("the struct at {0} names an unknown root")]
    Root(u64),
    #[error("the struct at {0} names a parent that holds nothing")]
    Parent(u64),
    #[error("the content at {0} may not stand there")]
    Content(u64),
    #[error("the struct at {0} names neighbours that did not stand beside each other")]
    Order(u64),
}

impl Refusal {
    /// A code that never changes meaning.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Client { .. } => "gate.client",
            Self::Clock { .. } => "gate.clock",
            Self::Outside { .. } => "gate.outside",
            Self::DeleteOutside { .. } => "gate.delete_outside",
            Self::Neighbours(_) => "gate.neighbours",
            Self::Root(_) => "gate.root",
            Self::Parent(_) => "gate.parent",
            Self::Content(_) => "gate.content",
            Self::Order(_) => "gate.order",
        }
    }
}

#[derive(Debug, Clone)]
struct Type {
    place: Place,
    /// The slot of a text's characters; unused in a map.
    characters: u32,
    keys: BTreeMap<Box<str>, u32>,
}

kept!(Type { place, characters, keys });
kept!(Index { runs, slots, types } anew { turn });

/// For each clock that passed the gate, its place. Some bytes a run of typing, not a keystroke.
#[derive(Debug, Clone)]
pub struct Index {
    runs: Runs,
    slots: Vec<Rule>,
    types: Vec<Type>,
    /// Changes with every change.
    turn: u64,
}

impl Default for Index {
    fn default() -> Self {
        let types = ROOTS.map(|(_, place)| Type { place, characters: 0, keys: BTreeMap::new() }).into();
        Self { runs: Runs::default(), slots: Vec::new(), types, turn: 0 }
    }
}

/// What an update that fits adds to the index that judged it.
#[derive(Debug)]
pub struct Fit {
    client: Option<u64>,
    /// The turn of the index that judged it.
    on: u64,
    added: Added,
    types: Vec<Type>,
    slots: Vec<Rule>,
    keys: Vec<(u32, Box<str>, u32)>,
}

impl Index {
    /// Judges an update that `client` makes at `next_clock`, and says what it adds to the index.
    ///
    /// Everything in `past` must have been inserted. The verdict rests on the update and on its past alone; what else
    /// the index holds never matters. Costs follow the update's size.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, update: &Update, client: u64, next_clock: u64, past: &dyn Past) -> Result<Fit, Refusal> {
        if let Some(found) = update.client()
            && found != client
        {
            return Err(Refusal::Client { expected: client, found });
        }
        let (start, end) = update.clock_range().unwrap_or((next_clock, next_clock));
        if start != next_clock || update.is_torn() {
            return Err(Refusal::Clock { expected: next_clock, found: start });
        }
        for (owner, _, to) in update.deletes() {
            let reach = if *owner == client { end } else { past.end(*owner) };
            if u64::from(*to) > reach {
                return Err(Refusal::DeleteOutside { client: *owner, clock: u64::from(*to) - 1 });
            }
        }
        self.resolve(update, past).map(|news| news.fit(update.client()))
    }

    /// Takes in what an update adds. Nothing may have been inserted since [`Index::check`] said so; a stale fit changes
    /// nothing.
    pub fn insert(&mut self, fit: Fit) {
        let Fit { client, on, added, types, slots, keys } = fit;
        let Some(client) = client.filter(|_| on == self.turn) else { return };
        self.turn += 1;
        self.slots.extend(slots);
        self.types.extend(types);
        for (parent, key, slot) in keys {
            self.types[parent as usize].keys.insert(key, slot);
        }
        self.runs.take(client, added, self.slots.len());
    }

    /// Forgets the clocks of a client from `end` on: they were written on a branch that lost. Whatever had seen one of
    /// them has to be forgotten too before anything more is judged.
    pub fn cut(&mut self, client: u64, end: u64) {
        self.turn += 1;
        self.runs.cut(client, u32::try_from(end).unwrap_or(u32::MAX));
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many runs are held: the measure of the index's memory.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// What stands at each clock.
    #[cfg(test)]
    pub(super) fn runs_held(&self) -> &Runs {
        &self.runs
    }

    fn resolve<'a>(&'a self, update: &'a Update, past: &'a dyn Past) -> Result<News<'a>, Refusal> {
        let (start, _) = update.clock_range().unwrap_or_default();
        let client = update.client().unwrap_or_default();
        let mut news = News {
            index: self,
            past,
            client,
            clock: start as u32,
            types: Vec::new(),
            slots: Vec::new(),
            keys: BTreeMap::new(),
            order: Draft::new(&self.runs, client, start as u32),
        };
        for item in update.structs() {
            news.add(&item)?;
        }
        Ok(news)
    }
}

/// What one update adds, while it is read.
struct News<'a> {
    index: &'a Index,
    past: &'a dyn Past,
    client: u64,
    /// The clock of the struct being read.
    clock: u32,
    types: Vec<Type>,
    slots: Vec<Rule>,
    keys: BTreeMap<(u32, &'a str), u32>,
    order: Draft<'a>,
}

impl<'a> News<'a> {
    fn fit(self, client: Option<u64>) -> Fit {
        let keys = self.keys.into_iter().map(|((parent, key), slot)| (parent, key.into(), slot)).collect();
        let added = self.order.added();
        Fit { client, on: self.index.turn, added, types: self.types, slots: self.slots, keys }
    }

    fn add(&mut self, item: &Struct<'a>) -> Result<(), Refusal> {
        let clock = u64::from(self.clock);
        let slot = match item.parent {
            Some(parent) => self.under_parent(parent, item.key)?,
            None => self.beside(item)?,
        };
        let made = match (self.rule(slot), item.content) {
            (Rule::Characters, Content::Text(_)) | (Rule::Value, Content::Any { .. }) => NO_TYPE,
            (Rule::Map(place), Content::NewMap) => self.make(place),
            (Rule::Text, Content::NewText) => self.make(Place::Text),
            _ => return Err(Refusal::Content(clock)),
        };
        let id = Id { client: self.client, clock: self.clock };
        let new = New { id, len: item.len, slot, made, origin: item.origin, right: item.right };
        if !self.order.place(new, self.past) {
            return Err(Refusal::Order(clock));
        }
        self.clock += item.len;
        Ok(())
    }

    fn beside(&self, item: &Struct<'_>) -> Result<u32, Refusal> {
        let place = |id: Option<Id>| id.map(|id| self.run(id).map(|run| run.slot)).transpose();
        match (place(item.origin)?, place(item.right)?) {
            (Some(left), Some(right)) if left != right => Err(Refusal::Neighbours(self.clock.into())),
            (Some(slot), _) | (None, Some(slot)) => Ok(slot),
            (None, None) => Err(Refusal::Parent(self.clock.into())),
        }
    }

    fn under_parent(&mut self, parent: Parent<'_>, key: Option<&'a str>) -> Result<u32, Refusal> {
        let clock = u64::from(self.clock);
        let parent = match parent {
            Parent::Root(name) => {
                let at = ROOTS.iter().position(|(root, _)| *root == name).ok_or(Refusal::Root(clock))?;
                u32::try_from(at).map_err(|_| Refusal::Root(clock))?
            }
            Parent::Type(id) => self.run(id)?.made,
        };
        if parent == NO_TYPE {
            return Err(Refusal::Parent(clock));
        }
        let shape = self.shape(parent);
        match (shape.place, key) {
            (Place::Text, None) => Ok(shape.characters),
            (place, Some(key)) => {
                let rule = place.rule(key).ok_or(Refusal::Content(clock))?;
                if let Some(slot) = shape.keys.get(key).or_else(|| self.keys.get(&(parent, key))) {
                    return Ok(*slot);
                }
                let slot = self.new_slot(rule);
                self.keys.insert((parent, key), slot);
                Ok(slot)
            }
            _ => Err(Refusal::Content(clock)),
        }
    }

    fn shape(&self, at: u32) -> &Type {
        let (at, known) = (at as usize, self.index.types.len());
        if at < known { &self.index.types[at] } else { &self.types[at - known] }
    }

    fn rule(&self, slot: u32) -> Rule {
        let (at, known) = (slot as usize, self.index.slots.len());
        if at < known { self.index.slots[at] } else { self.slots[at - known] }
    }

    fn new_slot(&mut self, rule: Rule) -> u32 {
        self.slots.push(rule);
        (self.index.slots.len() + self.slots.len() - 1) as u32
    }

    fn make(&mut self, place: Place) -> u32 {
        let characters = if place == Place::Text { self.new_slot(Rule::Characters) } else { 0 };
        self.types.push(Type { place, characters, keys: BTreeMap::new() });
        (self.index.types.len() + self.types.len() - 1) as u32
    }

    /// The run at a clock that is in the past or earlier in this update.
    fn run(&self, id: Id) -> Result<&Run, Refusal> {
        let outside = Refusal::Outside { client: id.client, clock: id.clock.into() };
        let own = id.client == self.client;
        let reach = if own { u64::from(self.clock) } else { self.past.end(id.client) };
        if u64::from(id.clock) >= reach {
            return Err(outside);
        }
        self.order.find(id).map(|(_, run)| run).ok_or(outside)
    }
}
