//! Which op a hash names: all hashes in the order in which their ops came, and that order sorted by hash.
//!
//! Sorted are the ops' numbers, each with what its hash begins with, in leaves of bounded length. So an op costs its hash and
//! some twelve bytes more, and hashes that somebody sought out to be alike cost no more than others, for what decides is the
//! whole hash. Deliberately absent: removal, and ops themselves.

use super::fact::Id;
use crate::causal::Node;
use crate::codec::{CodecError, Reader, Writer};
use crate::kept::Kept;

/// Numbers in one leaf; a full one is halved.
const MAX_LEAF: usize = 256;

/// An op's number behind the first bytes of its hash, which mostly tell it from others without a look at the hash.
type Entry = (u32, u32);

fn beginning(id: &Id) -> u32 {
    u32::from_be_bytes([id[0], id[1], id[2], id[3]])
}

/// The hashes of all ops taken in, by node, and the way back.
#[derive(Debug, Default)]
pub(super) struct Ids {
    list: Vec<Id>,
    /// Every node once, ascending by hash, over all leaves; none is empty.
    leaves: Vec<Vec<Entry>>,
}

impl Ids {
    /// The hash of an op.
    pub(super) fn of(&self, node: Node) -> &Id {
        &self.list[node.index()]
    }

    /// The op that a hash names.
    pub(super) fn node(&self, id: &Id) -> Option<Node> {
        self.find(id).ok()
    }

    /// Enters the hash of the next op, which was not known before.
    pub(super) fn push(&mut self, id: Id) {
        let Err((leaf, at)) = self.find(&id) else { unreachable!("an op is taken in once") };
        let entry = (beginning(&id), self.list.len() as u32);
        self.list.push(id);
        let Some(entries) = self.leaves.get_mut(leaf) else { return self.leaves.push(vec![entry]) };
        entries.insert(at, entry);
        if entries.len() == MAX_LEAF {
            let upper = entries.split_off(MAX_LEAF / 2);
            entries.shrink_to_fit();
            self.leaves.insert(leaf + 1, upper);
        }
    }

    /// The op that a hash names, or the leaf and the place in it where such an op would stand.
    fn find(&self, id: &Id) -> Result<Node, (usize, usize)> {
        let begins = beginning(id);
        let order = |entry: &Entry| entry.0.cmp(&begins).then_with(|| self.list[entry.1 as usize].cmp(id));
        let leaf = self.leaves.partition_point(|leaf| order(&leaf[0]).is_le()).saturating_sub(1);
        let Some(entries) = self.leaves.get(leaf) else { return Err((0, 0)) };
        match entries.binary_search_by(order) {
            Ok(at) => Ok(Node(entries[at].1)),
            Err(at) => Err((leaf, at)),
        }
    }
}

impl From<Vec<Id>> for Ids {
    fn from(list: Vec<Id>) -> Self {
        let mut sorted: Vec<Entry> = list.iter().map(beginning).zip(0..).collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| list[a.1 as usize].cmp(&list[b.1 as usize])));
        let leaves = sorted.chunks(MAX_LEAF / 2).map(<[Entry]>::to_vec).collect();
        Self { list, leaves }
    }
}

impl Kept for Ids {
    fn keep(&self, w: &mut Writer) {
        self.list.keep(w);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Vec::<Id>::regain(r)?.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Hashes whose order is that of `n` shown to `order`.
    fn ids(count: u64, order: impl Fn(u64) -> u64) -> Vec<Id> {
        let id = |n| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&order(n).to_be_bytes());
            id
        };
        (0..count).map(id).collect()
    }

    fn orders() -> [Vec<Id>; 3] {
        const COUNT: u64 = 50_000;
        let mixed = |n: u64| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        [ids(COUNT, |n| n), ids(COUNT, |n| COUNT - n), ids(COUNT, mixed)]
    }

    #[test]
    fn every_hash_leads_to_its_op_in_whatever_order_hashes_come_and_after_they_were_kept() {
        for list in orders() {
            let mut ids = Ids::default();
            for (number, id) in list.iter().enumerate() {
                assert_eq!(ids.node(id), None);
                ids.push(*id);
                assert_eq!(ids.node(id), Some(Node(number as u32)));
            }
            let again = Ids::from(list.clone());
            for (number, id) in list.iter().enumerate() {
                let node = Node(number as u32);
                assert_eq!((ids.node(id), ids.of(node), again.node(id)), (Some(node), id, Some(node)));
            }
            assert_eq!((ids.node(&[0xFF; 32]), again.node(&[0xFF; 32])), (None, None));
        }
    }

    #[test]
    fn an_op_costs_thirteen_bytes_beside_its_hash_in_whatever_order_hashes_come() {
        for list in orders() {
            let mut ids = Ids::default();
            list.iter().for_each(|id| ids.push(*id));
            let numbers: usize = ids.leaves.iter().map(|leaf| leaf.capacity() * size_of::<Entry>()).sum();
            let leaves = ids.leaves.capacity() * size_of::<Vec<Entry>>();
            let cost = numbers + leaves;
            assert!(cost <= 13 * list.len(), "{cost} bytes for {} ops", list.len());
            assert!(ids.leaves.iter().all(|leaf| (1..MAX_LEAF).contains(&leaf.len())));
        }
    }
}
