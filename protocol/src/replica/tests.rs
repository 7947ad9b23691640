//! The replica over a few devices, without a network.
