//! How often one device, or one address, may ask: token buckets, in bounded number.
//!
//! Deliberately absent: validity. Who asks too often is told to wait; nothing that is true becomes false by it.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Buckets of one kind; when there are more, those that are full again are dropped, then all.
const MAX_BUCKETS: usize = 16_384;

/// Buckets of one size.
pub(crate) struct Rates<K> {
    per_second: f64,
    burst: f64,
    buckets: BTreeMap<K, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl<K: Ord + Copy + Hash> Rates<K> {
    /// `per_second` on average, `burst` at once.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: f64::from(per_second), burst: f64::from(burst), buckets: BTreeMap::new() }
    }

    /// Takes one; false when the bucket is empty.
    pub(crate) fn take(&mut self, key: K, now: Instant) -> bool {
        if self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&key) {
            let full_after = Duration::from_secs_f64(self.burst / self.per_second.max(1.0));
            self.buckets.retain(|_, bucket| now.duration_since(bucket.at) < full_after);
            if self.buckets.len() >= MAX_BUCKETS {
                self.buckets.clear();
            }
        }
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: self.burst, at: now });
        let gained = now.duration_since(bucket.at).as_secs_f64() * self.per_second;
        *bucket = Bucket { left: (bucket.left + gained).min(self.burst), at: now };
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_refills_and_is_nobody_elses() {
        let now = Instant::now();
        let mut rates = Rates::new(10, 3);
        assert_eq!([(); 4].map(|()| rates.take(1, now)), [true, true, true, false]);
        assert!(rates.take(2, now));
        assert!(rates.take(1, now + Duration::from_millis(110)));
        assert!(!rates.take(1, now + Duration::from_millis(120)));
    }

    #[test]
    fn buckets_are_bounded() {
        let now = Instant::now();
        let mut rates = Rates::new(1, 1);
        for key in 0..=MAX_BUCKETS {
            assert!(rates.take(key, now));
        }
        assert!(rates.buckets.len() <= MAX_BUCKETS);
    }
}
