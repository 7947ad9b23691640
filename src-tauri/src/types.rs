//! The types that cross between this program and its page, written down in TypeScript from the ones that are serialised.
//!
//! `ui/src/backend/generated.ts` is what this writes; a test fails when it is stale. Deliberately absent: which verb gives
//! which answer; `Methods` in `ui/src/backend/types.ts` says so for every call of the page.

use omniscope_engine::answers::{
    Approved, Author, Compacted, Comparison, Connected, Declined, Details, Device, DeviceOffer, Devices, Did,
    DiffAuthor, EntryDetails, Exported, Findings, History, HistoryEntry, Imported, Inspected, Invite, Inviter, Invites,
    JoinRequest, JoinRequests, Joining, Made, MadeLink, Member, Members, NamedVersion, NetworkStatus, Profile, Reason,
    RecoveryKey, RelayRemoved, RelayTest, Restored, Statistics, Status, Storage, StoredWorkspace, Summary, SyncReport,
    UsedRelay, Version, Versions, WorkspaceRelay, WorkspaceRelays, Workspaces,
};
use omniscope_engine::doc::diff::{Changed, Changes, Diff, FieldChange, Item};
use omniscope_engine::event::{Event, Peer, Person, Shown};
use omniscope_engine::pipeline::validate::{Finding, Level};
use ts_rs::{Config, TS};

use crate::backend::{Kept, KeyFacts};
use crate::commands::document::{Opened, Reset};
use crate::commands::verbs::Sample;
use crate::error::CommandError;
use crate::events::WindowEvent;

const HEAD: &str = "//! What crosses between the page and the program behind it, generated from the Rust types.\n\
    //! To renew it: OMNISCOPE_WRITE_TYPES=1 cargo test --workspace --bin omniscope-desktop types\n";

/// Roles are words in answers, and an enum of the protocol behind them.
const ROLE: &str = "\n/**\n * What a member may do.\n */\nexport type Role = \"owner\" | \"editor\" | \"viewer\";\n";

/// One exported declaration, with what Rust says about the type.
fn declare<T: TS>(config: &Config) -> String {
    format!("\n{}export {}\n", T::docs().unwrap_or_default(), T::decl(config))
}

/// What the window itself sends, and presence.
fn own(config: &Config) -> Vec<String> {
    vec![
        declare::<CommandError>(config),
        declare::<Opened>(config),
        declare::<Reset>(config),
        declare::<Shown>(config),
        declare::<Event>(config),
        declare::<WindowEvent>(config),
        declare::<Kept>(config),
        declare::<KeyFacts>(config),
        declare::<Sample>(config),
    ]
}

/// Workspaces and how far others are.
fn workspaces(config: &Config) -> Vec<String> {
    vec![
        declare::<Person>(config),
        declare::<Peer>(config),
        declare::<Status>(config),
        declare::<Reason>(config),
        declare::<Summary>(config),
        declare::<Workspaces>(config),
        declare::<Made>(config),
        declare::<Statistics>(config),
        declare::<Details>(config),
        declare::<Joining>(config),
        declare::<SyncReport>(config),
    ]
}

/// People, devices and links.
fn people(config: &Config) -> Vec<String> {
    vec![
        declare::<Profile>(config),
        declare::<Member>(config),
        declare::<Members>(config),
        declare::<Device>(config),
        declare::<Devices>(config),
        declare::<DeviceOffer>(config),
        declare::<RecoveryKey>(config),
        declare::<JoinRequest>(config),
        declare::<JoinRequests>(config),
        declare::<Approved>(config),
        declare::<Declined>(config),
        declare::<MadeLink>(config),
        declare::<Invite>(config),
        declare::<Invites>(config),
        declare::<Inviter>(config),
        declare::<Inspected>(config),
    ]
}

/// Relays and the disk.
fn network(config: &Config) -> Vec<String> {
    vec![
        declare::<UsedRelay>(config),
        declare::<Connected>(config),
        declare::<NetworkStatus>(config),
        declare::<WorkspaceRelay>(config),
        declare::<WorkspaceRelays>(config),
        declare::<RelayRemoved>(config),
        declare::<RelayTest>(config),
        declare::<StoredWorkspace>(config),
        declare::<Storage>(config),
        declare::<Compacted>(config),
    ]
}

/// Differences and findings.
fn pipelines(config: &Config) -> Vec<String> {
    vec![
        declare::<Item>(config),
        declare::<FieldChange>(config),
        declare::<Changed>(config),
        declare::<Changes>(config),
        declare::<Diff>(config),
        declare::<Level>(config),
        declare::<Finding>(config),
        declare::<Findings>(config),
        declare::<Imported>(config),
        declare::<Exported>(config),
    ]
}

/// The history.
fn history(config: &Config) -> Vec<String> {
    vec![
        declare::<Version>(config),
        declare::<Versions>(config),
        declare::<NamedVersion>(config),
        declare::<Restored>(config),
        declare::<Author>(config),
        declare::<Did>(config),
        declare::<EntryDetails>(config),
        declare::<HistoryEntry>(config),
        declare::<History>(config),
        declare::<DiffAuthor>(config),
        declare::<Comparison>(config),
    ]
}

/// The whole file.
fn generated() -> String {
    // JSON numbers are doubles; ids and counts stay far below 2^53.
    let config = Config::new().with_large_int("number");
    let declared = [own, workspaces, people, network, pipelines, history].map(|part| part(&config).concat());
    let whole: String = [HEAD, ROLE].map(str::to_owned).into_iter().chain(declared).collect();
    // A comment takes no line more than its words do.
    whole.replace("/**\n * ", "/** ").replace("\n */", " */")
}

#[test]
fn the_page_has_the_types_that_this_program_sends() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/backend/generated.ts");
    let wanted = generated();
    if std::env::var_os("OMNISCOPE_WRITE_TYPES").is_some() {
        std::fs::write(&path, &wanted).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let stale = "ui/src/backend/generated.ts is stale; run: OMNISCOPE_WRITE_TYPES=1 cargo test --workspace --bin omniscope-desktop types";
    assert_eq!(found, wanted, "{stale}");
}

#[test]
fn the_page_calls_only_verbs_that_there_are() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/backend/types.ts");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let map = text.split("export interface Methods {").nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = map.expect("types.ts has the map of methods").lines();
    let called: Vec<&str> = lines.filter_map(|line| Some(line.split_once(": [")?.0.trim().trim_matches('"'))).collect();
    assert!(called.len() > 50, "{} calls are not all", called.len());
    let known = |verb: &&str| omniscope_engine::api::VERBS.contains(verb) || verb.starts_with("window.");
    let unknown: Vec<&&str> = called.iter().filter(|verb| !known(verb)).collect();
    assert!(unknown.is_empty(), "no verbs of the engine: {unknown:?}");
}
