//! The step types that OmniScope knows: versioned descriptors, shipped as data (`catalogue.json`).
//!
//! Terms are EDAM's (CC BY-SA 4.0); only ids that were checked against the ontology appear. Deliberately absent: tools
//! that came with an import; they are placeholders which bring their own ports.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

const CATALOGUE: &str = include_str!("catalogue.json");

/// The type of a step with free ports.
pub const GENERIC: &str = "generic";

/// What the checks need of a descriptor; the rest goes to the window as it stands.
#[derive(Debug, Clone, Deserialize)]
pub struct Descriptor {
    pub id: String,
    pub version: String,
    pub label: String,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    #[serde(default, rename = "freePorts")]
    pub free_ports: bool,
}

/// One typed port.
#[derive(Debug, Clone, Deserialize)]
pub struct Port {
    pub name: String,
    pub cardinality: Cardinality,
    #[serde(default)]
    pub required: bool,
    /// EDAM data terms, any of which may stand here.
    #[serde(default)]
    pub data: Vec<String>,
    /// EDAM formats, any of which may stand here; empty means any.
    #[serde(default)]
    pub formats: Vec<String>,
    /// The omics that the data belong to; empty means any.
    #[serde(default)]
    pub omics: Vec<String>,
}

/// How many edges an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cardinality {
    One,
    Many,
}

#[derive(Deserialize)]
struct Catalogue {
    subterms: BTreeMap<String, Vec<String>>,
    types: Vec<Descriptor>,
}

fn catalogue() -> &'static Catalogue {
    static READ: OnceLock<Catalogue> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(CATALOGUE).expect("the shipped catalogue is checked by a test"))
}

/// The descriptor of a step type.
pub fn descriptor(kind: &str) -> Option<&'static Descriptor> {
    catalogue().types.iter().find(|descriptor| descriptor.id == kind)
}

/// Every descriptor as JSON, whole: `{version, ontology, subterms, types: […]}`.
pub fn as_json() -> Value {
    serde_json::from_str(CATALOGUE).expect("the shipped catalogue is checked by a test")
}

/// Whether data of one term may stand where another is expected: the same term or a narrower one.
pub fn is_a(term: &str, expected: &str) -> bool {
    let parents = |term: &str| catalogue().subterms.get(term).map(Vec::as_slice).unwrap_or_default();
    term == expected || parents(term).iter().any(|parent| parent == expected)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// The terms of `pipelines.md` that were checked against the ontology.
    const CHECKED: &str = "data_2082 data_3112 data_2603 data_3108 data_3914 data_0950 data_2884 data_2048 format_3752 \
        format_3475 format_3590 format_3464 format_2331 format_3603 format_3604 format_3508 operation_3435 \
        operation_3218 operation_2428 operation_3557 operation_3936 operation_3937 operation_3935 operation_2990 \
        operation_3659 operation_0337 topic_3391 topic_3474 topic_3170 topic_0121 topic_3172";

    #[test]
    fn only_checked_terms_are_used() {
        let words = CATALOGUE.split('"').filter(|word| {
            ["data_", "format_", "operation_", "topic_"].iter().any(|kind| word.starts_with(kind))
                && word.ends_with(|c: char| c.is_ascii_digit())
        });
        let mut seen = 0;
        for word in words {
            assert!(CHECKED.split_whitespace().any(|term| term == word), "{word}");
            seen += 1;
        }
        assert!(seen > 40);
    }

    #[test]
    fn the_seeds_types_and_the_generic_step_are_there() {
        assert_eq!(catalogue().types.len(), 14);
        assert!(descriptor(GENERIC).unwrap().free_ports);
        assert_eq!(descriptor("IntegrateMOFAPlus").unwrap().inputs[0].cardinality, Cardinality::Many);
        assert!(is_a("data_3112", "data_2082") && !is_a("data_2082", "data_3112"));
    }
}
