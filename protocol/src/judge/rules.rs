//! The rules by number, and in tests the switch that turns one of them off.
//!
//! Outside tests there is no switch: `Rules::off` is constantly false there and costs nothing.

/// A rule, or where a rule says several things one part of it, that a test can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(test), allow(dead_code, reason = "some parts are only named where tests switch them"))]
pub(super) enum Rule {
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15Issuer,
    R15Revoked,
    R15Attester,
    R16,
    R16Fork,
    R17,
    R19,
    R19Answer,
    R36,
    R36Links,
}

/// Which rule is switched off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rules {
    #[cfg(test)]
    pub(super) without: Option<Rule>,
}

impl Rules {
    #[cfg(test)]
    pub(super) fn off(self, rule: Rule) -> bool {
        self.without == Some(rule)
    }

    #[cfg(not(test))]
    #[inline(always)]
    pub(super) fn off(self, _: Rule) -> bool {
        false
    }
}
