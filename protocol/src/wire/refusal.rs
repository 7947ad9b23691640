//! Why a request is refused.
//!
//! Deliberately absent: words for people, which those find who show them.

/// Why a request is refused. The numbers are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// The workspace is not served here.
    UnknownWorkspace = 0,
    /// The asking device is no member, as far as is known here.
    NotMember = 1,
    /// The asking device was a member and was removed.
    Removed = 2,
    /// The redemption does not prove what it should.
    Forged = 3,
    /// The invite has expired by this device's clock.
    Expired = 4,
    /// The invite was revoked, or its issuer is no owner any more.
    Revoked = 5,
    /// The invite's uses are used up.
    UsedUp = 6,
    /// The invite is bound to another device.
    OtherDevice = 7,
    /// Only the attester that the invite names can admit by it.
    NotAttester = 8,
    /// Too many requests at once.
    Busy = 9,
    /// The request contradicts itself.
    Malformed = 10,
    /// The relay lets only those register a workspace who hold a token of its operator, and this is none, or used up.
    Token = 11,
    /// The workspace has reached what the relay keeps for one, or the relay what it keeps for all.
    Full = 12,
    /// The relay's operator has shut this device out.
    Blocked = 13,
    /// The link is one by request: an owner has yet to let its holder in.
    AwaitsApproval = 14,
    /// An owner does not let this device in by the link.
    Declined = 15,
    /// The workspace is closed: the relay takes nothing more that is sealed.
    Closed = 16,
}

impl Refusal {
    pub(super) const ALL: [Refusal; 17] = [
        Refusal::UnknownWorkspace,
        Refusal::NotMember,
        Refusal::Removed,
        Refusal::Forged,
        Refusal::Expired,
        Refusal::Revoked,
        Refusal::UsedUp,
        Refusal::OtherDevice,
        Refusal::NotAttester,
        Refusal::Busy,
        Refusal::Malformed,
        Refusal::Token,
        Refusal::Full,
        Refusal::Blocked,
        Refusal::AwaitsApproval,
        Refusal::Declined,
        Refusal::Closed,
    ];

    /// The stable code that callers branch on.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::UnknownWorkspace => "unknown_workspace",
            Refusal::NotMember => "not_member",
            Refusal::Removed => "removed",
            Refusal::Forged => "link_forged",
            Refusal::Expired => "link_expired",
            Refusal::Revoked => "link_revoked",
            Refusal::UsedUp => "link_used_up",
            Refusal::OtherDevice => "link_other_device",
            Refusal::NotAttester => "not_attester",
            Refusal::Busy => "busy",
            Refusal::Malformed => "malformed",
            Refusal::Token => "token_refused",
            Refusal::Full => "relay_full",
            Refusal::Blocked => "blocked",
            Refusal::AwaitsApproval => "awaits_approval",
            Refusal::Declined => "declined",
            Refusal::Closed => "workspace_closed",
        }
    }

    /// Whether asking again, or somebody else, can help.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Refusal::Forged
                | Refusal::Expired
                | Refusal::Revoked
                | Refusal::UsedUp
                | Refusal::OtherDevice
                | Refusal::Declined
        )
    }
}
