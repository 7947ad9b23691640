//! Workspaces as their owners found them: genesis, session, a link that the relay attests.

use std::sync::Arc;

use libp2p::Multiaddr;
use omniscope_engine::net::device_at;
use omniscope_protocol::identity::{DeviceKey, OpId, WorkspaceId};
use omniscope_protocol::invitation::Redemption;
use omniscope_protocol::judge::Role;
use omniscope_protocol::op::{Body, Draft, Invite, Op, SessionId};
use omniscope_protocol::wire::{Request, Response};

use super::{Board, Latency, Member};

/// Where everybody meets.
#[derive(Debug, Clone)]
pub struct Place {
    /// The relay's address, which ends in its peer id.
    pub relay: Multiaddr,
    /// Registers any number of workspaces there.
    pub token: String,
    /// Makes the keys of this place other than those of another one.
    pub seed: u64,
    /// Whether members listen to the feed of news; else they are told by requests.
    pub feed: bool,
}

/// A workspace that the relay keeps, with its owner at home.
pub struct Founded {
    /// Its first member.
    pub owner: Member,
    invite: Op,
    invite_key: DeviceKey,
    number: usize,
}

/// The key of a member of a workspace: always the same for the same numbers.
pub fn key_of(seed: u64, workspace: usize, member: usize) -> DeviceKey {
    let text = format!("load {seed} {workspace} {member}");
    DeviceKey::from_seed(blake3::hash(text.as_bytes()).as_bytes())
}

impl Founded {
    /// Founds a workspace and has the relay keep it, with a link for `guests` more members.
    pub async fn found(place: &Place, number: usize, guests: usize, latency: &Arc<Latency>) -> Self {
        let key = key_of(place.seed, number, 0);
        let attester = device_at(&place.relay);
        let nonce = blake3::hash(&key.id().0).as_bytes()[..16].try_into().unwrap();
        let (workspace, session, body) = (WorkspaceId([0; 32]), SessionId::NONE, Body::Genesis { nonce });
        let draft = Draft { workspace, session, seq: 0, prev: None, deps: Vec::new(), time_ms: 1, body };
        let genesis = Op::sign(draft, &key);
        let workspace = genesis.workspace();
        let mut owner = Member::meet(place, key, workspace, Board::new(Arc::clone(latency))).await;
        let token = place.token.clone().into_bytes();
        let register = Request::Register { workspace, genesis: Arc::clone(&genesis.bytes), token };
        let answer = owner.ask(&register).await;
        assert!(matches!(answer, Response::Receipt { .. }), "a workspace is registered, found {answer:?}");
        owner.take(&genesis);
        let invite_key = key_of(place.seed, number, usize::MAX);
        let invite = Invite {
            role: Role::Editor,
            cap: OpId(workspace.0),
            max_uses: Some(guests.max(1) as u32),
            attester,
            expires: None,
            key: invite_key.id(),
            bound_to: None,
            approve: false,
        };
        let open = owner.say(Body::Open);
        let invite = owner.say(Body::Invite(invite));
        owner.give(&[open, invite.clone()]).await;
        owner.reserve();
        Self { owner, invite, invite_key, number }
    }

    /// A guest comes in by the link, reads the history and can be reached through the relay.
    pub async fn admit(&self, place: &Place, guest: usize) -> Member {
        let key = key_of(place.seed, self.number, guest);
        let workspace = self.invite.workspace();
        let redemption = Redemption::new(&workspace, &self.invite.id, &key, &self.invite_key);
        let mut member = Member::meet(place, key, workspace, self.owner.board()).await;
        let join = Request::Join { workspace, invite: Arc::clone(&self.invite.bytes), redemption, name: None };
        let answer = member.ask(&join).await;
        assert!(matches!(answer, Response::Admitted { .. }), "a guest is let in, found {answer:?}");
        member.catch_up().await;
        let open = member.say(Body::Open);
        member.give(&[open]).await;
        member.reserve();
        member
    }
}
