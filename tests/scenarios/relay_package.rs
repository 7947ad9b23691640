//! The relay as an operator installs it: the unit is in order and a sandbox, the deb makes user and folder.
//!
//! Deliberately absent: a running systemd, under which `docs/relay.md` says what was tried.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use omniscope_tests::process::program;

/// Most of the exposure that `systemd-analyze security` may find, in tenths: 0 is none, 100 all.
const MAX_EXPOSURE: &str = "20";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

#[test]
fn the_unit_is_in_order_and_shuts_the_relay_into_its_folder() {
    let Some(relay) = program("omniscope-relay") else { return };
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return println!("skipped: systemd is not installed");
    }
    let place = tempfile::tempdir().unwrap();
    let unit = std::fs::read_to_string(repository().join("relay/packaging/omniscope-relay.service")).unwrap();
    let file = place.path().join("omniscope-relay.service");
    std::fs::write(&file, unit.replace("/usr/bin/omniscope-relay", relay.to_str().unwrap())).unwrap();
    let verified = ran(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file));
    assert!(verified.stderr.is_empty(), "{}", String::from_utf8_lossy(&verified.stderr));
    let mut security = Command::new("systemd-analyze");
    ran(security.args(["security", "--offline=true", "--threshold", MAX_EXPOSURE]).arg(&file));
    for line in ["Type=notify", "User=omniscope-relay", "StateDirectory=omniscope-relay", "ProtectSystem=strict"] {
        assert!(unit.lines().any(|l| l == line), "{line}");
    }
}

/// Needs cargo-deb, which `make relay-package` installs beside the build.
#[test]
fn the_deb_has_program_unit_and_settings_and_says_how_user_and_folder_are_made() {
    let Some(relay) = program("omniscope-relay") else { return };
    let target = relay.ancestors().nth(2).unwrap();
    if !target.join("tools/bin/cargo-deb").is_file() {
        return println!("skipped: `make relay-package` has not been called here");
    }
    let mut script = Command::new(repository().join(".ci/relay_package.sh"));
    let said = ran(script.arg("debug").env("CARGO_TARGET_DIR", target));
    let said = String::from_utf8(said.stdout).unwrap();
    let deb = said.lines().find_map(|line| line.strip_prefix("package: ")).expect("it says where the package is");
    let place = tempfile::tempdir().unwrap();
    let (root, control) = (place.path().join("root"), place.path().join("control"));
    ran(Command::new("dpkg-deb").arg("--extract").arg(deb).arg(&root));
    ran(Command::new("dpkg-deb").arg("--control").arg(deb).arg(&control));
    for (file, mode) in [
        ("usr/bin/omniscope-relay", 0o755),
        ("etc/omniscope-relay.toml", 0o644),
        ("usr/lib/systemd/system/omniscope-relay.service", 0o644),
        ("usr/share/doc/omniscope-relay/relay.md", 0o644),
    ] {
        assert_eq!(root.join(file).metadata().unwrap().permissions().mode() & 0o777, mode, "{file}");
    }
    let settings = root.join("etc/omniscope-relay.toml");
    let checked =
        ran(Command::new(root.join("usr/bin/omniscope-relay")).arg("--config").arg(settings).arg("check-config"));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("data_dir = /var/lib/omniscope-relay"));
    for script in ["postinst", "prerm", "postrm"] {
        ran(Command::new("sh").arg("-n").arg(control.join(script)));
    }
    let made = std::fs::read_to_string(control.join("postinst")).unwrap();
    assert!(made.contains("adduser") && made.contains("-m 0700"), "{made}");
    assert_eq!(std::fs::read_to_string(control.join("conffiles")).unwrap().trim(), "/etc/omniscope-relay.toml");
}
