//! The deb as a user gets it: what is in it, that dpkg takes it with this system's packages, and that what it installs runs.

use std::path::Path;
use std::process::Command;

use omniscope_tests::window::{Setup, Window, id, program};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

/// Installs into a root of its own that knows which packages this system has.
fn install(deb: &Path, root: &Path) {
    let admin = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers"] {
        std::fs::create_dir_all(admin.join(folder)).unwrap();
    }
    std::fs::copy("/var/lib/dpkg/status", admin.join("status")).unwrap();
    // Without the lists of other packages' files dpkg warns about each, and installs.
    let mut dpkg = Command::new("dpkg");
    dpkg.args(["--force-not-root", "--force-script-chrootless", "--log=/dev/null"]);
    run(dpkg.arg(format!("--root={}", root.display())).arg("--install").arg(deb));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deb_installs_and_the_installed_window_opens_a_pipeline() {
    if !Path::new("/var/lib/dpkg/status").exists() {
        return println!("skipped: not a Debian system");
    }
    let place = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = program("omniscope-desktop").ancestors().nth(2).unwrap().to_owned();
    let mut script = Command::new(repository.join(".ci/package.sh"));
    let said = run(script.arg("debug").env("CARGO_TARGET_DIR", &target));
    let made = |ending: &str| {
        let line = said.lines().filter_map(|l| l.strip_prefix("package: ")).find(|l| l.contains(ending));
        line.and_then(|l| l.split(',').next()).unwrap_or_else(|| panic!("no {ending} in {said}")).to_owned()
    };
    let (deb, rpm) = (made(".deb"), made(".rpm"));
    assert!(std::fs::read(&rpm).unwrap().starts_with(&[0xed, 0xab, 0xee, 0xdb]), "an rpm");
    let field = |name: &str| run(Command::new("dpkg-deb").args(["--field", &deb, name])).trim().to_owned();
    assert_eq!(field("Version"), env!("CARGO_PKG_VERSION"));
    assert!(field("Depends").contains("libwebkit2gtk-4.1-0") && field("Depends").contains("libgtk-3-0"));
    assert_eq!(field("Section"), "science");

    let root = place.path().join("root");
    install(Path::new(&deb), &root);
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    let entry = read("usr/share/applications/OmniScope.desktop");
    for line in ["Exec=omniscope-desktop %u", "Icon=omniscope-desktop", "MimeType=x-scheme-handler/omniscope;"] {
        assert!(entry.lines().any(|l| l == line), "{line} in {entry}");
    }
    for size in ["32x32", "128x128", "512x512"] {
        assert!(root.join(format!("usr/share/icons/hicolor/{size}/apps/omniscope-desktop.png")).is_file(), "{size}");
    }
    let facts = read("usr/share/metainfo/org.omniscope.desktop.metainfo.xml");
    assert!(facts.contains(&format!("version=\"{}\"", env!("CARGO_PKG_VERSION"))), "the version is this one");
    assert!(facts.contains("<launchable type=\"desktop-id\">OmniScope.desktop</launchable>"));
    if Command::new("appstreamcli").arg("--version").output().is_ok_and(|o| o.status.success()) {
        let file = root.join("usr/share/metainfo/org.omniscope.desktop.metainfo.xml");
        run(Command::new("appstreamcli").args(["validate", "--no-net"]).arg(file));
    }

    let binary = root.join("usr/bin/omniscope-desktop");
    let window = Window::open(&Setup { binary: Some(binary), ..Setup::of("Ana", place.path()) }).await;
    window.click(&id("open-sample")).await;
    window.until("the sample", "document.querySelectorAll('.react-flow__node-step').length > 10").await;
    window.close().await;
}
