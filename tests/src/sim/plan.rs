//! What happens in one simulated run, as data: made from a seed, saved when it fails, replayed from its file.
//!
//! The network's dice are thrown from the plan's seed too, so that a plan is the whole run.

use serde::{Deserialize, Serialize};

use crate::dice::Dice;

/// The devices: the founder, two editors, a viewer, and an editor who cheats.
pub const ALICE: usize = 0;
/// See [`ALICE`].
pub const BOB: usize = 1;
/// Comes in by a link.
pub const CARA: usize = 2;
/// Begins as a viewer, and writes all the same.
pub const DAVE: usize = 3;
/// Forks her session, floods, forges.
pub const EVE: usize = 4;
/// How many devices there are.
pub const PEERS: usize = 5;

/// When a run's actions end, in simulated milliseconds.
pub const LENGTH_MS: u64 = 3000;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Of the dice for network, edits and content.
    pub seed: u64,
    /// In order of time.
    pub steps: Vec<Step>,
}

/// One thing that somebody does, or that happens to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// In simulated milliseconds.
    pub at_ms: u64,
    /// To whom.
    pub peer: usize,
    /// What.
    pub act: Act,
}

/// Kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// An edit on the peer's own document.
    Edit,
    /// One too large for one op; `cut` loses power after the first part.
    Group {
        cut: bool,
    },
    Profile,
    Version,
    /// Alice gives a role: 0 none to 2 editor.
    Grant {
        to: usize,
        role: u8,
    },
    /// Alice lets somebody in by a link, if both are in reach.
    Join,
    Leave,
    /// Off, and on again from what was committed, or from an old copy of it.
    Restart {
        stale: bool,
    },
    /// The devices whose bits are set are cut off from the others (bit 5: the forwarder).
    Partition {
        apart: u8,
    },
    Heal,
    /// The peer's clock goes wrong by so many days.
    ClockJump {
        days: i8,
    },
    /// The forwarder sends old messages again.
    Replay,
    /// Two ops at one position, shown to different peers.
    Equivocate,
    /// Rubbish, mutations and ops with no past, from all sides.
    Flood,
    /// An op by somebody who was never let in.
    Outsider,
    /// An op that names nothing but the beginning.
    BackDate,
    /// An edit that the gate must refuse, and one after it.
    Poison,
    /// Makes herself an owner, by a cap that is not hers.
    Usurp,
    /// An op of a version that nobody can read.
    Newer,
    /// Another op at an old place of an own session, with a lower hash than the one that others have built on.
    TakeBack,
}

impl Plan {
    /// The plan of a seed.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = 12 + dice.below(14);
        let mut steps: Vec<Step> = (0..count).map(|_| step(&mut dice)).collect();
        if dice.one_in(2) {
            let at_ms = dice.below(LENGTH_MS as usize / 2) as u64;
            steps.push(Step { at_ms, peer: CARA, act: Act::Join });
        }
        steps.sort_by_key(|step| step.at_ms);
        Self { seed, steps }
    }
}

fn step(dice: &mut Dice) -> Step {
    let at_ms = dice.below(LENGTH_MS as usize) as u64;
    let peer = dice.below(PEERS);
    let (peer, act) = match dice.below(42) {
        0..=13 => (peer, Act::Edit),
        14 | 15 => (peer, Act::Group { cut: dice.one_in(3) }),
        16 => (peer, Act::Profile),
        17 => (peer, Act::Version),
        18 => (ALICE, Act::Grant { to: DAVE, role: 2 }),
        19 => (ALICE, Act::Grant { to: *dice.pick(&[BOB, CARA, DAVE, EVE]), role: dice.below(3) as u8 }),
        20 => (ALICE, Act::Grant { to: EVE, role: 0 }),
        21 => (*dice.pick(&[BOB, DAVE]), Act::Leave),
        22..=24 => (peer, Act::Restart { stale: dice.one_in(3) }),
        25..=27 => (peer, Act::Partition { apart: dice.below(64) as u8 }),
        28 => (peer, Act::Heal),
        29 => (peer, Act::ClockJump { days: *dice.pick(&[-1, 1, 100]) }),
        30 | 31 => (peer, Act::Replay),
        32 | 33 => (EVE, Act::Equivocate),
        34 => (EVE, Act::Flood),
        35 => (EVE, Act::Outsider),
        36 => (*dice.pick(&[BOB, DAVE, EVE]), Act::BackDate),
        37 => (EVE, Act::Poison),
        38 => (EVE, Act::Usurp),
        39 => (*dice.pick(&[DAVE, DAVE, DAVE, EVE]), Act::Newer),
        _ => (EVE, Act::TakeBack),
    };
    Step { at_ms, peer, act }
}
