//! What the judge is told about an op, and what it answers.
//!
//! Deliberately absent: signatures, encodings, payloads and times. Whoever makes a fact has checked the op that it
//! stands for; expiry of links is kept by attesters, for no clock can be trusted here.

use crate::causal::Node;

/// An op's hash. Compared as bytes wherever a rule breaks a tie.
pub type Id = [u8; 32];

/// A device's public key; only equality matters to the rules.
pub type Author = [u8; 32];

/// What somebody may do in a workspace, lowest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Not a member.
    #[default]
    None,
    /// Reads.
    Viewer,
    /// Reads and edits.
    Editor,
    /// Also grants, changes and removes, and makes links.
    Owner,
}

kept_variant!(Role { None, Viewer, Editor, Owner });

/// One op as far as authority goes. `deps` are the ids of all ops that it names as seen (its own previous one too).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub id: Id,
    pub author: Author,
    pub deps: Vec<Id>,
    pub kind: FactKind,
}

/// What an op does. Ids that are unknown make an op count for nothing; they are not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// Gives `subject` a role, under the owner grant `cap`; none (only) for the genesis.
    SetRole { subject: Author, role: Role, cap: Option<Id> },
    /// A link that gives `role`; `max_uses` none is unlimited, `attester` none lets any member admit.
    Invite { role: Role, cap: Option<Id>, max_uses: Option<u32>, attester: Option<Author> },
    /// Ends a link.
    RevokeInvite { invite: Id, cap: Option<Id> },
    /// Admits `subject` by a link; `proof` is the admitter's own grant where the link names no attester.
    Admit { invite: Id, subject: Author, proof: Option<Id> },
    /// Changes the document; `adopts` takes over void edits knowingly.
    Edit { adopts: Vec<Id> },
    /// The author gives up its membership, with no cap: it only lowers, and never touches an owner grant.
    Leave,
    /// Makes `subject` a device of the author's person (Rule R19). `under` is the add that made the author one; none for the
    /// person's first device. That the subject agrees has been checked.
    AddDevice { subject: Author, under: Option<Id> },
    /// Ends a device of the author's person.
    RemoveDevice { subject: Author, under: Option<Id> },
    /// Ends editing and all links, under the owner grant `cap` (Rule R36).
    Close { cap: Option<Id> },
    /// Carries causality and nothing else: sessions, profiles, keys, checkpoints, versions.
    Plain,
}

/// Why a fact was not taken in. The judge is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("an op with this id is known already")]
    Duplicate,
    #[error("the op names a dep that is not known yet")]
    UnknownDep(Id),
    #[error("the op has no deps, but the workspace has its genesis already")]
    SecondGenesis,
    #[error("the workspace holds as many ops as the judge can number")]
    Full,
}

/// What one fact changed. Edits are in ascending order of node; nothing is listed twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The new op.
    pub node: Node,
    /// Edits that count now and did not before, the new op included.
    pub edits_accepted: Vec<Node>,
    /// Edits that counted before and do not any more.
    pub edits_voided: Vec<Node>,
    /// Whether any membership op, the new one included, became valid or void: roles, links and caps may differ.
    pub membership_changed: bool,
    /// Ops of any kind that are held now and were not before, or the other way round (`Judge::held`).
    pub held_changed: Vec<Node>,
}

/// What is known of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteState {
    pub issuer: Author,
    pub role: Role,
    pub max_uses: Option<u32>,
    pub attester: Option<Author>,
    /// Whether the invite op itself counts.
    pub valid: bool,
    /// Whether the grant it was issued under is alive for a next admission.
    pub issuer_alive: bool,
    /// Whether a valid revocation is known.
    pub revoked: bool,
    /// How many valid admissions there are.
    pub used: u32,
}

impl InviteState {
    /// Whether a further admission could count, as far as is known here.
    pub fn open(&self) -> bool {
        self.valid && self.issuer_alive && !self.revoked && self.max_uses.is_none_or(|max| self.used < max)
    }
}

/// A device that acts for a member: somebody whose role is at least viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub author: Author,
    /// Whose device it is, by the name of the person's first device.
    pub person: Author,
    pub role: Role,
    /// The grant that the role stands on.
    pub grant: Node,
}
