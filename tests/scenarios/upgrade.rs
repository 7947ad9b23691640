//! F12: databases of every schema that there ever was are opened by this version, though it is killed half-way; databases
//! of a newer one are refused and left as they are.
//!
//! `tests/fixtures/engine-N` and `relay-N` hold what schema N was when it was the newest: a database, its key, and in
//! `expected.json` what is in it. Where that of the newest schema is missing, it is made by
//! `OMNISCOPE_WRITE_FIXTURES=1 cargo test --workspace --test scenarios upgrade`. Deliberately absent: databases that were
//! damaged (`corruption`), versions of the wire (`wire_versions`), and what each step of a migration does (tests beside the schemas).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use omniscope_tests::headless::{Headless, Home, LOOPBACK};
use omniscope_tests::process::{Process, program};
use omniscope_tests::relay::Relay;
use omniscope_tests::rows::{Rng, tier};
use serde_json::{Value, json};

/// Tries to kill a program before it is ready, for each time that this is wanted.
const TRIES: u64 = 20;

/// A database of one kind: of a device, or of a relay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Engine,
    Relay,
}

impl Kind {
    fn database(self) -> &'static str {
        match self {
            Self::Engine => omniscope_engine::store::DATABASE_FILE,
            Self::Relay => "relay.sqlite3",
        }
    }

    fn folder(self, schema: i64) -> PathBuf {
        let name = match self {
            Self::Engine => "engine",
            Self::Relay => "relay",
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}-{schema}"))
    }

    /// Where database and key lie below `place`.
    fn files(self, place: &Path) -> [PathBuf; 2] {
        match self {
            Self::Engine => [place.join("data").join(self.database()), place.join("key")],
            Self::Relay => [place.join(self.database()), place.join("relay.key")],
        }
    }

    /// The program over a copy at `place`, and the beginning of the line that says that it is ready.
    fn command(self, place: &Path) -> Option<(Command, &'static str)> {
        let [database, key] = self.files(place);
        let data = database.parent().unwrap();
        let mut command = match self {
            Self::Engine => Command::new(program("omniscope")?),
            Self::Relay => Command::new(program("omniscope-relay")?),
        };
        command.arg("--data-dir").arg(data);
        Some(match self {
            Self::Engine => {
                command.arg("--key-file").arg(key).args(["peer", "--no-mdns", "--listen", LOOPBACK[1]]);
                (command, "{")
            }
            Self::Relay => {
                command.args(["--listen", "/ip4/127.0.0.1/tcp/0", "--log", "error"]);
                (command, "/ip4/")
            }
        })
    }
}

/// One fixture.
struct Fixture {
    kind: Kind,
    schema: i64,
    expected: Value,
}

/// All fixtures of a kind, oldest first; the newest is of the schema that this version writes.
fn fixtures(kind: Kind) -> Vec<Fixture> {
    let read = |schema| {
        let expected = std::fs::read(kind.folder(schema).join("expected.json")).ok()?;
        Some(Fixture { kind, schema, expected: serde_json::from_slice(&expected).unwrap() })
    };
    (1..).map_while(read).collect()
}

fn schema_of(database: &Path) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

impl Fixture {
    /// Puts a copy to `place`, with the rights that the programs ask for.
    fn copy_to(&self, place: &Path) {
        let from = self.kind.folder(self.schema);
        let targets = self.kind.files(place);
        for (name, target) in [self.kind.database(), "key"].iter().zip(&targets) {
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(from.join(name), target).unwrap();
            std::fs::set_permissions(target, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// Kills the program on the copy at `place` before it is ready, as often as the tier wants.
    fn kill_half_way(&self, place: &Path, rng: &mut Rng) {
        let start = || {
            let (command, ready) = self.kind.command(place).unwrap();
            (Process::spawn(command), ready)
        };
        let spare = tempfile::tempdir().unwrap();
        self.copy_to(spare.path());
        let began = Instant::now();
        let (command, ready) = self.kind.command(spare.path()).unwrap();
        Process::spawn(command).until(ready);
        let mut span = began.elapsed();
        let (mut wanted, mut tries) = (tier(2, 50), 0);
        while wanted > 0 {
            tries += 1;
            assert!(tries <= TRIES * tier(2, 50), "the kills come too late");
            let (process, ready) = start();
            // The moment of the kill is the random input here, not a wait for something.
            std::thread::sleep(span.mul_f64(rng.below(1000) as f64 / 1000.0));
            if process.kill().iter().any(|line| line.starts_with(ready)) {
                span = span.mul_f64(0.9);
            } else {
                wanted -= 1;
            }
        }
    }

    /// What is to be seen on the disk after the upgrade to `newest`.
    fn assert_upgraded(&self, place: &Path, newest: i64) {
        let [database, _] = self.kind.files(place);
        assert_eq!(schema_of(&database), newest);
        let folder = std::fs::read_dir(database.parent().unwrap()).unwrap().flatten();
        let copy = folder.map(|entry| entry.file_name()).find(|name| name.to_string_lossy().contains(".before-v"));
        assert_eq!(copy.is_some(), self.schema < newest, "a copy is kept of what was migrated");
    }
}

/// The newest schema, as an empty folder gets it.
fn newest(kind: Kind) -> Option<i64> {
    let place = tempfile::tempdir().unwrap();
    let (command, ready) = kind.command(place.path())?;
    Process::spawn(command).until(ready);
    Some(schema_of(&kind.files(place.path())[0]))
}

/// Makes the fixtures of the newest schemas: a small workspace of one person, kept by a relay.
fn write_fixtures() {
    let place = tempfile::tempdir().unwrap();
    let [home, data] = ["Ana", "relay"].map(|name| place.path().join(name));
    let relay = Relay::start(&data, &[]).unwrap();
    let mut ana = Headless::start("Ana", &Home(home.clone())).unwrap();
    let ws = ana.call("workspace.create", json!({"name": "RNA-seq", "description": "A fixture"}))["workspace"].take();
    ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": relay.order(&["register"])}));
    for label in ["align", "count", "plot"] {
        let made = ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": label}));
        ana.call(
            "node.note",
            json!({"workspace": ws, "node": made["node"], "text": format!("Why {label}? \u{1f9ec}")}),
        );
    }
    ana.call("version.create", json!({"workspace": ws, "name": "as submitted"}));
    let id = ws.as_str().unwrap();
    ana.until("the relay keeps everything", |p| {
        let relay = p.call("relay.list", json!({"workspace": id}))["relays"][0].take();
        relay["state"] == "kept" && relay["behind"] == 0
    });
    ana.saved(id);
    let engine = json!({"workspace": ws, "state": ana.state(id), "versions": versions(&mut ana, id)});
    let relay_has = json!({
        "peer": relay.order(&["print-peer-id"]),
        "workspaces": relay.order(&["workspaces"]),
        "token": relay.order(&["register"]),
        "workspace": ws,
    });
    ana.stop();
    relay.stop();
    for (kind, place, expected) in [(Kind::Engine, home, engine), (Kind::Relay, data, relay_has)] {
        let [database, key] = kind.files(&place);
        let folder = kind.folder(schema_of(&database));
        if !folder.exists() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::copy(database, folder.join(kind.database())).unwrap();
            std::fs::copy(key, folder.join("key")).unwrap();
            std::fs::write(folder.join("expected.json"), format!("{expected:#}\n")).unwrap();
        }
    }
}

fn versions(peer: &mut Headless, ws: &str) -> Vec<Value> {
    let listed = peer.call("version.list", json!({"workspace": ws}));
    listed["versions"].as_array().unwrap().iter().map(|version| version["name"].clone()).collect()
}

#[test]
fn there_is_a_fixture_of_every_schema() {
    if std::env::var_os("OMNISCOPE_WRITE_FIXTURES").is_some() {
        write_fixtures();
    }
    for kind in [Kind::Engine, Kind::Relay] {
        let Some(newest) = newest(kind) else { return };
        let schemas: Vec<i64> = fixtures(kind).iter().map(|fixture| fixture.schema).collect();
        assert_eq!(schemas, (1..=newest).collect::<Vec<_>>(), "see the head of this file for how one is made");
    }
}

#[test]
fn a_device_of_any_schema_opens_after_kills_half_way_with_everything_that_was_there() {
    let Some(newest) = newest(Kind::Engine) else { return };
    let mut rng = Rng::from_env("upgrade of devices");
    for fixture in fixtures(Kind::Engine) {
        let place = tempfile::tempdir().unwrap();
        fixture.copy_to(place.path());
        fixture.kill_half_way(place.path(), &mut rng);
        let mut ana = Headless::start("Ana", &Home(place.path().to_owned())).unwrap();
        let ws = fixture.expected["workspace"].as_str().unwrap();
        assert_eq!(ana.state(ws), fixture.expected["state"].as_str().unwrap());
        assert_eq!(json!(versions(&mut ana, ws)), fixture.expected["versions"]);
        ana.call("node.add", json!({"workspace": ws, "type": "generic", "label": "later"}));
        ana.saved(ws);
        ana.stop();
        fixture.assert_upgraded(place.path(), newest);
    }
}

#[test]
fn a_relay_of_any_schema_opens_after_kills_half_way_and_serves_what_it_kept() {
    let Some(newest) = newest(Kind::Relay) else { return };
    let mut rng = Rng::from_env("upgrade of relays");
    let engine = fixtures(Kind::Engine).pop().unwrap();
    for fixture in fixtures(Kind::Relay) {
        let place = tempfile::tempdir().unwrap();
        let [data, home] = ["relay", "Ana"].map(|name| place.path().join(name));
        fixture.copy_to(&data);
        fixture.kill_half_way(&data, &mut rng);
        let relay = Relay::start(&data, &[]).unwrap();
        let expected = |what: &str| fixture.expected[what].as_str().unwrap();
        assert!(relay.addr.ends_with(expected("peer")), "the same key");
        assert_eq!(relay.order(&["workspaces"]), expected("workspaces"));
        engine.copy_to(&home);
        let mut ana = Headless::start("Ana", &Home(home)).unwrap();
        let kept = |ana: &mut Headless, ws: &str, token: &Value| {
            ana.call("relay.add", json!({"workspace": ws, "addr": relay.addr, "token": token}));
            ana.until("it is kept", |p| {
                let relays = p.call("relay.list", json!({"workspace": ws}))["relays"].take();
                let here = relays.as_array().unwrap().iter().find(|r| r["addr"] == relay.addr.as_str());
                here.is_some_and(|here| here["state"] == "kept" && here["behind"] == 0)
            });
        };
        if engine.expected["workspace"] == fixture.expected["workspace"] {
            kept(&mut ana, expected("workspace"), &Value::Null);
        }
        let made = ana.call("workspace.create", json!({"name": "another"}));
        kept(&mut ana, made["workspace"].as_str().unwrap(), &fixture.expected["token"]);
        relay.stop();
        fixture.assert_upgraded(&data, newest);
    }
}

#[test]
fn a_database_of_a_newer_version_is_refused_with_a_reason_and_left_as_it_is() {
    for kind in [Kind::Engine, Kind::Relay] {
        let Some(newest) = newest(kind) else { return };
        let place = tempfile::tempdir().unwrap();
        fixtures(kind).pop().unwrap().copy_to(place.path());
        let [database, _] = kind.files(place.path());
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.pragma_update(None, "user_version", newest + 1).unwrap();
        drop(connection);
        let before = std::fs::read(&database).unwrap();
        let output = kind.command(place.path()).unwrap().0.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(said.contains(&format!("schema {}", newest + 1)) && said.contains("update"), "{said}");
        assert!(std::fs::read(&database).unwrap() == before, "not a byte of it was changed");
    }
}
