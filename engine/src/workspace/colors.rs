//! A colour for each member: the same on every screen, and distinct among the members as long as the palette lasts.
//!
//! A pure function of the members in an order that all peers share. Deliberately absent: who is present; a colour that
//! changed whenever somebody came or went would mean nothing.

use std::collections::BTreeMap;

use omniscope_protocol::identity::DeviceId;

/// Colours that read well on light and dark.
const PALETTE: [&str; 16] = [
    "#2563eb", "#db2777", "#059669", "#d97706", "#7c3aed", "#0891b2", "#dc2626", "#4d7c0f", "#c026d3", "#0d9488",
    "#ea580c", "#4f46e5", "#be123c", "#15803d", "#a16207", "#0369a1",
];
/// Two colours nearer than this, as the sum of the differences of their three parts, look the same on a small mark.
const MIN_DISTANCE: u32 = 40;

/// Whether a text is a colour as `#rrggbb`.
pub(crate) fn is_color(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].chars().all(|c| c.is_ascii_hexdigit())
}

/// The colour that a device would have if it were alone: the chosen one, else one of the palette by its id.
pub(crate) fn wished(chosen: &str, device: &DeviceId) -> String {
    if is_color(chosen) { chosen.to_ascii_lowercase() } else { PALETTE[start(device)].to_owned() }
}

/// Colours for members in order; who comes later gives way to who came before. Beyond the palette colours repeat.
pub(crate) fn assign(members: impl Iterator<Item = (DeviceId, String)>) -> BTreeMap<DeviceId, String> {
    let mut assigned: BTreeMap<DeviceId, String> = BTreeMap::new();
    for (device, chosen) in members {
        let free = |color: &str| assigned.values().all(|taken| distance(taken, color) >= MIN_DISTANCE);
        let wish = wished(&chosen, &device);
        let turn = PALETTE.iter().cycle().skip(start(&device)).take(PALETTE.len());
        let color = if free(&wish) { None } else { turn.copied().find(|color| free(color)) };
        assigned.insert(device, color.map_or(wish, str::to_owned));
    }
    assigned
}

fn start(device: &DeviceId) -> usize {
    usize::from(device.0[0]) % PALETTE.len()
}

fn distance(a: &str, b: &str) -> u32 {
    let part = |text: &str, at: usize| text.get(at..at + 2).and_then(|t| u8::from_str_radix(t, 16).ok()).unwrap_or(0);
    [1, 3, 5].iter().map(|at| u32::from(part(a, *at).abs_diff(part(b, *at)))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> DeviceId {
        DeviceId([n; 32])
    }

    #[test]
    fn members_who_wish_the_same_get_different_colours_and_the_first_keeps_it() {
        let all = (0..16).map(|n| (device(n), "#2563EB".to_owned()));
        let colors = assign(all);
        assert_eq!(colors[&device(0)], "#2563eb");
        let distinct: std::collections::BTreeSet<&String> = colors.values().collect();
        assert_eq!(distinct.len(), 16);
    }

    #[test]
    fn hostile_colours_are_replaced_and_near_ones_give_way() {
        let wishes = [(device(1), "red;}".to_owned()), (device(2), "#é0000".to_owned())];
        assert!(assign(wishes.into_iter()).values().all(|c| is_color(c)));
        let near = [(device(1), "#102030".to_owned()), (device(2), "#112030".to_owned())];
        let colors = assign(near.into_iter());
        assert!(distance(&colors[&device(1)], &colors[&device(2)]) >= MIN_DISTANCE);
    }
}
