//! A colour for each member: the same on every screen, and far enough from all others to be told apart at a glance.
//!
//! Pure functions of people in an order that all peers share. While there are no more members than the palette has
//! colours, each has one of their own, whoever comes and goes. Beyond that colours repeat, and only then do those who
//! are present give way to each other. Deliberately absent: who is present.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use omniscope_protocol::identity::DeviceId;

/// Colours that show on light and dark, no two of them nearer than twice `MIN_DISTANCE`.
const PALETTE: [&str; 16] = [
    "#063ad7", "#58c91c", "#f168fe", "#7a4800", "#1995ea", "#e1138a", "#f58393", "#768b09", "#7513b2", "#54bfb4",
    "#d45003", "#d4a22a", "#0f6c93", "#9c0451", "#805ef9", "#0b6817",
];
/// The palette as eyes see it.
static PALETTE_SEEN: LazyLock<[Lab; PALETTE.len()]> = LazyLock::new(|| PALETTE.map(Lab::of));
/// Two colours nearer than this may be taken for each other, in thousandths of Oklab's unit. A colour is that near to at
/// most one of the palette, so that a taken colour takes at most one away from those who come after.
const MIN_DISTANCE: i64 = 75;

/// Whether a text is a colour as `#rrggbb`.
pub(crate) fn is_color(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].chars().all(|c| c.is_ascii_hexdigit())
}

/// The colour that a device would have if it were alone: the chosen one, else one of the palette by its id.
pub(crate) fn wished(chosen: &str, device: &DeviceId) -> String {
    if is_color(chosen) { chosen.to_ascii_lowercase() } else { PALETTE[start(device)].to_owned() }
}

/// Colours for people in order, each with the colour they chose: who comes later gives way to who came before.
pub(crate) fn assign(people: impl Iterator<Item = (DeviceId, String)>) -> BTreeMap<DeviceId, String> {
    let palette = LazyLock::force(&PALETTE_SEEN);
    let mut taken: Vec<Lab> = Vec::new();
    let mut assigned = BTreeMap::new();
    for (device, chosen) in people {
        let gap = |color: &Lab| taken.iter().map(|one| one.distance(color)).min().unwrap_or(i64::MAX);
        let wish = wished(&chosen, &device);
        let color = if gap(&Lab::of(&wish)) >= MIN_DISTANCE * MIN_DISTANCE {
            wish
        } else {
            // Of several that are equally far the last counts: turned round, the first from the device's own place on.
            let turn = (0..PALETTE.len()).map(|step| (start(&device) + step) % PALETTE.len());
            let farthest = turn.rev().max_by_key(|at| gap(&palette[*at]));
            farthest.map_or(wish, |at| PALETTE[at].to_owned())
        };
        taken.push(Lab::of(&color));
        assigned.insert(device, color);
    }
    assigned
}

fn start(device: &DeviceId) -> usize {
    usize::from(device.0[0]) % PALETTE.len()
}

/// A colour where distance is what eyes see: Oklab, in whole thousandths, so that the last bits of another computer's
/// arithmetic change nothing.
struct Lab([i64; 3]);

impl Lab {
    fn of(color: &str) -> Self {
        let part = |at: usize| color.get(at..at + 2).and_then(|t| u8::from_str_radix(t, 16).ok()).unwrap_or(0);
        let [r, g, b] = [1, 3, 5].map(|at| linear(f64::from(part(at)) / 255.0));
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        let lab = [
            0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
            1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
            0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
        ];
        Self(lab.map(|part| (part * 1000.0).round() as i64))
    }

    /// The square of the distance.
    fn distance(&self, other: &Self) -> i64 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a - b).pow(2)).sum()
    }
}

/// A part of an sRGB colour as the light that it stands for.
fn linear(part: f64) -> f64 {
    if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn device(n: u8) -> DeviceId {
        DeviceId([n; 32])
    }

    fn nearest(colors: &[String]) -> i64 {
        let pairs = colors.iter().enumerate().flat_map(|(at, one)| colors[..at].iter().map(move |other| (one, other)));
        pairs.map(|(one, other)| Lab::of(one).distance(&Lab::of(other))).min().unwrap_or(i64::MAX)
    }

    #[test]
    fn the_palette_is_twice_as_far_apart_as_need_be() {
        // A unit more than twice, for the rounding of three parts.
        assert!(nearest(&PALETTE.map(str::to_owned)) > (2 * MIN_DISTANCE + 1).pow(2));
    }

    #[test]
    fn members_who_wish_the_same_get_different_colours_and_the_first_keeps_it() {
        let colors = assign((0..16).map(|n| (device(n), "#063AD7".to_owned())));
        assert_eq!(colors[&device(0)], "#063ad7");
        assert!(nearest(&colors.into_values().collect::<Vec<_>>()) >= MIN_DISTANCE.pow(2));
    }

    #[test]
    fn hostile_colours_are_replaced() {
        let wishes = [(device(1), "red;}".to_owned()), (device(2), "#é0000".to_owned())];
        assert!(assign(wishes.into_iter()).values().all(|c| is_color(c)));
    }

    proptest! {
        #[test]
        fn any_sixteen_people_can_be_told_apart_whatever_they_chose(
            wishes in proptest::collection::vec((any::<u8>(), "#[0-9a-f]{6}|#f{2}[0-9a-f]{2}00|"), 0..=16)
        ) {
            let people: Vec<_> = wishes.iter().enumerate().map(|(n, (byte, chosen))| {
                let mut id = [n as u8; 32];
                id[0] = *byte;
                (DeviceId(id), chosen.clone())
            }).collect();
            let colors: Vec<String> = assign(people.iter().cloned()).into_values().collect();
            prop_assert_eq!(colors.len(), people.len());
            prop_assert!(nearest(&colors) >= MIN_DISTANCE.pow(2), "{:?}", colors);
        }

        #[test]
        fn those_present_keep_their_colours_while_the_palette_lasts(present in proptest::collection::vec(any::<bool>(), 16)) {
            let all = assign((0..16).map(|n| (device(n), String::new())));
            let there = all.clone().into_iter().filter(|(device, _)| present[usize::from(device.0[0])]);
            for (device, color) in assign(there) {
                prop_assert_eq!(&all[&device], &color);
            }
        }
    }
}
