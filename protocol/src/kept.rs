//! What a device keeps of its own conclusions, so that it need not draw them again: plain state as bytes.
//!
//! Each type says beside its definition which of its fields are kept; a field that is forgotten does not compile. The
//! bytes are read by the very build that wrote them, on the device that sealed them, and by nobody else: they begin
//! with a hash of this package's sources, so that neither another layout nor another rule can be taken for this one.
//! Deliberately absent: compatibility, and anything that another device says (`codec` and `op` read that).
#![cfg_attr(not(feature = "document"), allow(dead_code, reason = "only devices with documents keep conclusions"))]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::codec::{CodecError, Reader, Writer};

/// What the bytes of kept state begin with: they are of use to this build alone.
pub(crate) const RULES: &str = env!("OMNISCOPE_RULES");

/// How errors call what was being read.
pub(crate) const WHAT: &str = "kept state";

/// State that can be kept as bytes and had again.
pub(crate) trait Kept: Sized {
    fn keep(&self, w: &mut Writer);
    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError>;
}

/// Keeps a struct field by field. What stands under `anew` is not kept, and begins with its default.
macro_rules! kept {
    ($type:ident { $($field:ident),* $(,)? } $(anew { $($anew:ident),* })?) => {
        impl $crate::kept::Kept for $type {
            fn keep(&self, w: &mut $crate::codec::Writer) {
                let Self { $($field,)* $($($anew: _,)*)? } = self;
                $($crate::kept::Kept::keep($field, w);)*
            }

            fn regain(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::CodecError> {
                $(let $field = $crate::kept::Kept::regain(r)?;)*
                Ok(Self { $($field,)* $($($anew: Default::default(),)*)? })
            }
        }
    };
}

/// Keeps an enum without fields as the number of its variant.
macro_rules! kept_variant {
    ($type:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::kept::Kept for $type {
            fn keep(&self, w: &mut $crate::codec::Writer) {
                w.u8(match self { $(Self::$variant => Self::$variant as u8,)* });
            }

            fn regain(r: &mut $crate::codec::Reader<'_>) -> Result<Self, $crate::codec::CodecError> {
                let tag = r.u8($crate::kept::WHAT)?;
                let unknown = $crate::codec::CodecError::Unknown { what: $crate::kept::WHAT, value: tag.into() };
                [$(Self::$variant),*].into_iter().find(|v| *v as u8 == tag).ok_or(unknown)
            }
        }
    };
}

macro_rules! kept_number {
    ($($number:ty),*) => {$(
        impl Kept for $number {
            fn keep(&self, w: &mut Writer) {
                w.varint(u64::from(*self));
            }

            fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                r.varint(WHAT)?.try_into().map_err(|_| CodecError::NotCanonical(WHAT))
            }
        }
    )*};
}

kept_number!(u8, u16, u32, u64);

impl Kept for bool {
    fn keep(&self, w: &mut Writer) {
        w.u8(u8::from(*self));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(r.u8(WHAT)? != 0)
    }
}

impl<const N: usize> Kept for [u8; N] {
    fn keep(&self, w: &mut Writer) {
        w.array(self);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.array(WHAT)
    }
}

impl Kept for String {
    fn keep(&self, w: &mut Writer) {
        w.str(self);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(r.str(WHAT, usize::MAX)?.to_owned())
    }
}

impl<T: Kept> Kept for Option<T> {
    fn keep(&self, w: &mut Writer) {
        w.option(self.as_ref(), |w, value| value.keep(w));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.option(WHAT, T::regain)
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn keep(&self, w: &mut Writer) {
        w.list(self, |w, item| item.keep(w));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        r.list(WHAT, usize::MAX, T::regain)
    }
}

impl<T: Kept> Kept for Box<[T]> {
    fn keep(&self, w: &mut Writer) {
        w.list(self, |w, item| item.keep(w));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Vec::regain(r).map(Into::into)
    }
}

impl<T: Kept> Kept for Arc<[T]> {
    fn keep(&self, w: &mut Writer) {
        w.list(self, |w, item| item.keep(w));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Vec::regain(r).map(Into::into)
    }
}

impl Kept for Box<str> {
    fn keep(&self, w: &mut Writer) {
        w.str(self);
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        String::regain(r).map(Into::into)
    }
}

impl<T: Kept + Ord> Kept for BTreeSet<T> {
    fn keep(&self, w: &mut Writer) {
        w.varint(self.len() as u64);
        self.iter().for_each(|item| item.keep(w));
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = r.varint(WHAT)?;
        (0..count).map(|_| T::regain(r)).collect()
    }
}

impl<K: Kept + Ord, V: Kept> Kept for BTreeMap<K, V> {
    fn keep(&self, w: &mut Writer) {
        w.varint(self.len() as u64);
        for (key, value) in self {
            key.keep(w);
            value.keep(w);
        }
    }

    fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let count = r.varint(WHAT)?;
        (0..count).map(|_| Ok((K::regain(r)?, V::regain(r)?))).collect()
    }
}

macro_rules! kept_tuple {
    ($($name:ident),*) => {
        impl<$($name: Kept),*> Kept for ($($name,)*) {
            fn keep(&self, w: &mut Writer) {
                #[allow(non_snake_case, reason = "fields of a tuple are named as their types")]
                let ($($name,)*) = self;
                $($name.keep(w);)*
            }

            fn regain(r: &mut Reader<'_>) -> Result<Self, CodecError> {
                Ok(($($name::regain(r)?,)*))
            }
        }
    };
}

kept_tuple!(A, B);
kept_tuple!(A, B, C);
