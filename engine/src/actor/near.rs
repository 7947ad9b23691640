//! Who of the connected members hears whom directly, by what they say: what somebody hears from its author need not be handed
//! on to it.
//!
//! A connection has two ends, and it is enough that one of them tells of it: of two lists the one heard last says whether
//! their devices are connected. So whoever comes tells whom it met, and those have nothing to add. What a list leaves out that
//! stood in it, its device says itself or is gone, so that of many who lost one device few have to speak.
//!
//! Deliberately absent: signing and sending (`telling`), and what is done with what was heard (`gossip`).

use std::collections::{BTreeMap, BTreeSet};

use omniscope_protocol::identity::DeviceId;
use omniscope_protocol::wire::MAX_NEAR;

/// How long changes gather for somebody who has met half of its neighbours anew.
const NEWCOMER_AFTER_MS: u64 = 250;
/// The same for everybody else: by then a newcomer has told of itself.
const OTHERS_AFTER_MS: u64 = 2000;
/// Spread over this time, so that not all who lost the same device tell of it.
const SPREAD_MS: u64 = 2000;
/// Who was met so lately counts as hearing everybody: it is telling whom it meets, and what it misses it is just asking for.
const YOUNG_MS: u64 = 2000;
/// How long a conclusion about one author is used again; it ends earlier with whatever it rests on.
const KEEP_MS: u64 = 2000;

/// A list of whom a device hears.
#[derive(Debug, Default)]
struct List {
    /// In which place of all that were heard or told.
    at: u64,
    devices: BTreeSet<DeviceId>,
    /// It was told to this device alone.
    private: bool,
}

/// What is known of one workspace. At most one list a connected device.
#[derive(Debug, Default)]
pub(super) struct Near {
    lists: BTreeMap<DeviceId, List>,
    /// The last list that this device told, without what others told of since.
    own: List,
    /// How often it told one.
    told: usize,
    /// How many lists were heard or told.
    count: u64,
    due: Option<u64>,
    concluded: BTreeMap<DeviceId, (u64, bool)>,
}

/// Members that are connected with this device, and since when.
pub(super) type Neighbours = BTreeMap<DeviceId, u64>;

impl Near {
    /// A connected device has told whom it hears: all, or in `private` this device alone.
    pub(super) fn hear(
        &mut self,
        device: DeviceId,
        devices: Vec<DeviceId>,
        private: bool,
        connected: impl Fn(&DeviceId) -> bool,
    ) {
        self.count += 1;
        self.concluded.clear();
        let list = List { at: self.count, devices: devices.into_iter().collect(), private };
        if !private {
            // Whom this device and others have lost is gone, or tells a list of its own.
            self.own.devices.retain(|other| connected(other) || list.devices.contains(other));
        }
        self.lists.insert(device, list);
    }

    /// A device is not connected any more.
    pub(super) fn forget(&mut self, device: &DeviceId) {
        self.lists.remove(device);
        self.concluded.clear();
    }

    /// Whether everybody who is connected hears `author`, or is no member.
    pub(super) fn all_hear(&mut self, author: &DeviceId, neighbours: impl Fn() -> Neighbours, now: u64) -> bool {
        if let Some((until, all)) = self.concluded.get(author)
            && now < *until
        {
            return *all;
        }
        let hears = |(device, since): (DeviceId, u64)| {
            device == *author || now < since + YOUNG_MS || self.are_connected(&device, author)
        };
        let all = neighbours().into_iter().all(hears);
        self.concluded.insert(*author, (now + KEEP_MS, all));
        all
    }

    /// Whether two others hear each other, by what they said last.
    fn are_connected(&self, one: &DeviceId, other: &DeviceId) -> bool {
        let says = |of, about| self.lists.get(of).map(|list| (list.at, list.devices.contains(about)));
        says(one, other).max(says(other, one)).is_some_and(|(_, connected)| connected)
    }

    /// Who is connected has changed: it is told in a while, if it still has to be.
    pub(super) fn changed(&mut self, me: &DeviceId, neighbours: &Neighbours, now: u64) {
        self.concluded.clear();
        let untold = self.untold(me, neighbours);
        if untold == 0 {
            return;
        }
        let turn = u64::from(u16::from_le_bytes([me.0[0], me.0[1]])) % SPREAD_MS;
        let pause = if untold * 2 >= neighbours.len() { NEWCOMER_AFTER_MS } else { OTHERS_AFTER_MS + turn };
        let due = self.due.get_or_insert(now + pause);
        *due = (*due).min(now + pause);
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.due
    }

    /// The list to be told by `now`, if others believe something else of this device.
    pub(super) fn take_due(&mut self, me: &DeviceId, neighbours: &Neighbours, now: u64) -> Option<Vec<DeviceId>> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        if self.untold(me, neighbours) == 0 {
            return None;
        }
        self.count += 1;
        self.told += 1;
        self.own = List { at: self.count, devices: neighbours.keys().copied().collect(), private: false };
        let mut list: Vec<DeviceId> = self.own.devices.iter().chain([me]).take(MAX_NEAR).copied().collect();
        // Gossip drops what it carried lately, and a list may be told again: each time in another order.
        let mut number = self.told;
        for at in (1..list.len()).rev() {
            list.swap(at, number % (at + 1));
            number /= at + 1;
        }
        Some(list)
    }

    /// What somebody who has just come has to know of whom this device hears, if the others were told.
    pub(super) fn for_newcomer(&self, newcomer: &DeviceId, neighbours: &Neighbours) -> Option<Vec<DeviceId>> {
        let others = neighbours.keys().filter(|device| *device != newcomer);
        let list: Vec<DeviceId> = others.take(MAX_NEAR).copied().collect();
        (self.told > 0 && !list.is_empty()).then_some(list)
    }

    /// How many connections of this device, made or lost, the others do not know of. Of one device alone nobody has to know:
    /// there is nobody whom it could spare anything.
    fn untold(&self, me: &DeviceId, neighbours: &Neighbours) -> usize {
        if self.own.devices.is_empty() && neighbours.len() < 2 {
            return 0;
        }
        let told = |device: &DeviceId| {
            let own = (self.own.at, self.own.devices.contains(device));
            let list = self.lists.get(device).filter(|list| !list.private);
            list.map_or(own, |list| own.max((list.at, list.devices.contains(me)))).1
        };
        let made = neighbours.keys().filter(|device| !told(device)).count();
        made + self.own.devices.iter().filter(|device| !neighbours.contains_key(device)).count()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn device(n: usize) -> DeviceId {
        DeviceId(*blake3::hash(&n.to_le_bytes()).as_bytes())
    }

    /// Members who are all connected with each other, and a clock. Whatever one tells everybody hears.
    struct Room {
        members: BTreeMap<DeviceId, Near>,
        now: u64,
        told: usize,
    }

    impl Room {
        fn of(members: usize) -> Self {
            let mut room = Self { members: BTreeMap::new(), now: 0, told: 0 };
            for n in 0..members {
                room.join(n);
            }
            room.told = 0;
            room
        }

        /// Somebody comes, and is told by the others what it missed.
        fn join(&mut self, n: usize) {
            let newcomer = device(n);
            let mut near = Near::default();
            for (one, theirs) in &self.members {
                if let Some(list) = theirs.for_newcomer(&newcomer, &self.neighbours(one)) {
                    near.hear(*one, list, true, |_| true);
                }
            }
            self.members.insert(newcomer, near);
            self.pass(5_000);
        }

        fn neighbours(&self, of: &DeviceId) -> Neighbours {
            self.members.keys().filter(|other| *other != of).map(|other| (*other, self.now)).collect()
        }

        /// Everybody looks who is connected, and tells it when it is due.
        fn pass(&mut self, ms: u64) {
            let all: Vec<DeviceId> = self.members.keys().copied().collect();
            for one in &all {
                let neighbours = self.neighbours(one);
                self.members.get_mut(one).unwrap().changed(one, &neighbours, self.now);
            }
            for _ in 0..ms / 50 {
                self.now += 50;
                for one in &all {
                    let neighbours = self.neighbours(one);
                    let Some(list) = self.members.get_mut(one).unwrap().take_due(one, &neighbours, self.now) else {
                        continue;
                    };
                    self.told += 1;
                    for (_, near) in self.members.iter_mut().filter(|(other, _)| *other != one) {
                        near.hear(*one, list.clone(), false, |other| all.contains(other));
                    }
                }
            }
        }
    }

    #[test]
    fn whoever_comes_tells_and_nobody_else_has_anything_to_add() {
        let mut room = Room::of(24);
        room.join(24);
        assert_eq!(room.told, 1);
        let (one, now) = (device(3), room.now);
        let others = room.neighbours(&one);
        let old = || others.keys().map(|other| (*other, 0)).collect();
        let near = room.members.get_mut(&one).unwrap();
        assert!(others.keys().all(|author| near.all_hear(author, old, now)), "and all know that they hear each other");
    }

    #[test]
    fn of_many_who_lost_one_few_tell_of_it() {
        let mut room = Room::of(24);
        let gone = device(7);
        room.members.remove(&gone);
        for near in room.members.values_mut() {
            near.forget(&gone);
        }
        room.pass(5_000);
        assert!((1..=3).contains(&room.told), "{}", room.told);
    }

    #[test]
    fn of_two_ends_the_one_heard_last_is_right() {
        let [a, b, c] = [1, 2, 3].map(device);
        let mut near = Near::default();
        let old = || BTreeMap::from([(a, 0), (b, 0)]);
        let hear = |near: &mut Near, one, list: &[DeviceId]| near.hear(one, list.to_vec(), false, |_| true);
        assert!(!near.all_hear(&a, old, YOUNG_MS), "nobody has said that b hears a");
        hear(&mut near, b, &[a, c]);
        assert!(near.all_hear(&a, old, YOUNG_MS), "b says so");
        hear(&mut near, a, &[c]);
        assert!(!near.all_hear(&a, old, YOUNG_MS), "a has lost b");
        near.forget(&a);
        assert!(near.all_hear(&a, || BTreeMap::from([(a, 0)]), YOUNG_MS), "there is nobody else");
        assert!(Near::default().all_hear(&a, old, YOUNG_MS - 1), "who has just come asks for what it lacks");
    }

    #[test]
    fn what_one_is_told_alone_spares_it_no_telling() {
        let (me, [a, b]) = (device(0), [1, 2].map(device));
        let neighbours: Neighbours = [(a, 0), (b, 0)].into();
        let mut near = Near::default();
        near.hear(a, vec![me, b], true, |_| true);
        near.changed(&me, &neighbours, 0);
        assert_eq!(near.take_due(&me, &neighbours, NEWCOMER_AFTER_MS).unwrap().len(), 3);
        assert_eq!(near.for_newcomer(&b, &neighbours), Some(vec![a]));
    }

    /// Gossip names messages by their bytes and drops what it carried in the last two minutes.
    #[test]
    fn the_same_list_told_again_has_other_bytes() {
        let (me, [a, b, c]) = (device(0), [1, 2, 3].map(device));
        let (two, three): (Neighbours, Neighbours) = ([(a, 0), (b, 0)].into(), [(a, 0), (b, 0), (c, 0)].into());
        let mut near = Near::default();
        let mut lists = BTreeSet::new();
        for round in 0..3_u64 {
            for (step, neighbours) in [(0, &two), (1, &three)] {
                let now = (round * 2 + step) * 10_000;
                near.changed(&me, neighbours, now);
                let list = near.take_due(&me, neighbours, now + 5_000).unwrap();
                assert!(lists.insert(list.clone()), "said before: {list:?}");
            }
        }
    }
}
