//! Which relays keep a workspace, as its members say in the document: one entry of `meta` for each relay that was ever
//! named, so that members who add and remove different ones at the same time keep what each of them said.
//!
//! The entry `relay/<device>` holds the relay's address, or an empty text once it was removed. Older programs wrote one
//! list, `meta.relays`, over which the entries win. Deliberately absent: what a device does about it
//! (`actor::mailboxes`).

use std::collections::BTreeMap;

use libp2p::Multiaddr;
use omniscope_protocol::identity::DeviceId;
use serde_json::{Map, Value};

use crate::net::device_at;

const PREFIX: &str = "relay/";
const OLD_LIST: &str = "relays";

/// Every relay that members named: with its address, or without one if it was removed.
pub(crate) fn named(meta: &Value) -> BTreeMap<DeviceId, Option<Multiaddr>> {
    let read = |addr: &Value| {
        let addr: Multiaddr = addr.as_str()?.parse().ok()?;
        Some((device_at(&addr)?, addr))
    };
    let listed = meta.get(OLD_LIST).and_then(Value::as_array).into_iter().flatten();
    let mut all: BTreeMap<DeviceId, Option<Multiaddr>> =
        listed.filter_map(read).map(|(relay, addr)| (relay, Some(addr))).collect();
    for (key, value) in meta.as_object().into_iter().flatten() {
        let named = key.strip_prefix(PREFIX).and_then(|text| Some((DeviceId::parse_hex(text)?, text)));
        // One spelling each: of two entries for one relay it would be open which one counts.
        let Some((relay, _)) = named.filter(|(relay, text)| relay.to_string() == *text) else { continue };
        let addr = read(value).filter(|(of, _)| *of == relay).map(|(_, addr)| addr);
        if addr.is_some() || value == "" {
            all.insert(relay, addr);
        }
    }
    all
}

/// The entry that names a relay, or without an address says that it was removed.
pub(crate) fn entry(relay: &DeviceId, addr: Option<&Multiaddr>) -> Map<String, Value> {
    let value = addr.map(ToString::to_string).unwrap_or_default();
    Map::from_iter([(format!("{PREFIX}{relay}"), Value::String(value))])
}

/// Takes out of a document's JSON what it says of relays: that is said of one workspace, and of none that its content
/// is brought to. Gives it.
pub(crate) fn take(state: &mut Value) -> Map<String, Value> {
    let Some(Value::Object(meta)) = state.get_mut("meta") else { return Map::new() };
    let (relays, rest) =
        std::mem::take(meta).into_iter().partition(|(key, _)| key == OLD_LIST || key.starts_with(PREFIX));
    *meta = rest;
    relays
}

/// Has `target` say of relays what `present` says, both JSON of a document: a past state that is brought back brings no
/// relay back, and takes none away.
pub(crate) fn stay(mut present: Value, target: &mut Value) {
    take(target);
    let relays = take(&mut present);
    if let (false, Value::Object(target)) = (relays.is_empty(), target) {
        let meta = target.entry("meta").or_insert_with(|| Value::Object(Map::new()));
        meta.as_object_mut().into_iter().for_each(|meta| meta.extend(relays.clone()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use omniscope_protocol::identity::DeviceKey;
    use serde_json::json;

    use super::*;
    use crate::doc::Document;
    use crate::net::peer_of;

    fn relay(seed: u8, port: u16) -> (DeviceId, Multiaddr) {
        let device = DeviceKey::from_seed(&[seed; 32]).id();
        (device, format!("/ip4/10.0.0.1/tcp/{port}/p2p/{}", peer_of(&device).unwrap()).parse().unwrap())
    }

    fn synced(one: &mut Document, other: &mut Document) -> Value {
        one.apply(&other.state_update()).unwrap();
        other.apply(&one.state_update()).unwrap();
        assert_eq!(one.canonical_json(), other.canonical_json());
        one.root_json("meta")
    }

    #[test]
    fn members_who_name_and_remove_relays_at_the_same_time_are_all_heard() {
        let [(a, at_a), (b, at_b), (c, at_c)] = [relay(1, 1), relay(2, 2), relay(3, 3)];
        let (mut ana, mut ben) = (Document::new(1), Document::new(2));
        ana.set_meta(&entry(&a, Some(&at_a)));
        ben.set_meta(&entry(&b, Some(&at_b)));
        let both = named(&synced(&mut ana, &mut ben));
        assert_eq!(both, [(a, Some(at_a.clone())), (b, Some(at_b.clone()))].into());

        ana.set_meta(&entry(&c, Some(&at_c)));
        ben.set_meta(&entry(&a, None));
        let after = named(&synced(&mut ana, &mut ben));
        assert_eq!(after, [(a, None), (b, Some(at_b)), (c, Some(at_c))].into());
    }

    #[test]
    fn a_list_of_an_older_program_is_read_and_what_is_said_since_wins() {
        let [(a, at_a), (b, at_b), (c, at_c)] = [relay(1, 1), relay(2, 2), relay(3, 3)];
        let moved = relay(2, 9).1;
        let (mut ana, mut ben) = (Document::new(1), Document::new(2));
        ana.set_meta(json!({"relays": [at_a, at_b]}).as_object().unwrap());
        assert_eq!(named(&synced(&mut ana, &mut ben)).len(), 2);
        ana.set_meta(&entry(&a, None));
        ben.set_meta(&entry(&b, Some(&moved)));
        let expected = BTreeMap::from([(a, None), (b, Some(moved))]);
        assert_eq!(named(&synced(&mut ana, &mut ben)), expected);
        // The older program goes on with its own list.
        ben.set_meta(json!({"relays": [at_a, at_b, at_c]}).as_object().unwrap());
        let expected: BTreeMap<_, _> = expected.into_iter().chain([(c, Some(at_c))]).collect();
        assert_eq!(named(&synced(&mut ana, &mut ben)), expected);
    }

    #[test]
    fn what_is_no_entry_names_nothing_and_removes_nothing() {
        let [(a, at_a), (b, at_b)] = [relay(1, 1), relay(2, 2)];
        let meta = json!({
            "relays": [at_a, 7, "/ip4/10.0.0.1/tcp/1", null], "relay/": at_b, "relay/00": at_b,
            format!("relay/{a}"): {"addr": at_a}, format!("relay/{b}"): at_a, "name": "",
            format!("relay/{}", a.to_string().to_uppercase()): "",
        });
        assert_eq!(named(&meta), [(a, Some(at_a))].into());
        assert!(named(&json!({"relays": {}})).is_empty() && named(&json!(null)).is_empty());
    }

    #[test]
    fn a_past_state_that_is_brought_back_leaves_the_relays_alone() {
        let [(a, at_a), (b, at_b)] = [relay(1, 1), relay(2, 2)];
        let mut here = Document::new(1);
        here.set_meta(json!({"name": "before"}).as_object().unwrap());
        here.set_meta(&entry(&a, Some(&at_a)));
        let past = here.to_json();
        here.set_meta(json!({"name": "after"}).as_object().unwrap());
        here.set_meta(&entry(&a, None));
        here.set_meta(&entry(&b, Some(&at_b)));
        for (mut target, name) in [(past, json!("before")), (json!({}), json!(null))] {
            stay(here.to_json(), &mut target);
            here.restore(&target);
            let meta = here.root_json("meta");
            assert_eq!(
                (meta.get("name").unwrap_or(&json!(null)), named(&meta)),
                (&name, [(a, None), (b, Some(at_b.clone()))].into())
            );
        }
    }
}
