//! A SQLite VFS that records what reaches the disk and can fail at a chosen write: for power-loss and disk-full tests.
//!
//! It lets the system's VFS open each file, then puts its own table of methods on it: writes, truncations and syncs
//! are recorded (or refused), all else goes straight through. Each data folder has its own recorder, so tests run
//! side by side.
//!
//! Deliberately absent: shared memory and locks, which do not survive a power loss and so need no record.

#![allow(unsafe_code, reason = "SQLite's VFS is a C interface; it exists in this test harness only")]
#![allow(clippy::unwrap_used, reason = "test harness")]

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use rusqlite::ffi;

/// The name to open a database with.
pub const VFS_NAME: &str = "omniscope-test";

const SECTOR_BYTES: usize = 512;

/// One thing that happened, in order.
#[derive(Debug, Clone)]
pub enum Event {
    /// Bytes were handed to the operating system.
    Write { file: PathBuf, offset: u64, bytes: Vec<u8> },
    /// A file was cut.
    Truncate { file: PathBuf, size: u64 },
    /// A file was deleted. Durable once the folder is synced, which the store does before its first acknowledgement.
    Delete { file: PathBuf },
    /// Everything written to the file before is on the disk.
    Sync { file: PathBuf },
    /// The store acknowledged this batch.
    Acknowledged(u32),
}

/// A failure to inject.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// From the nth write on (counted from the call of `fail_at`) the disk is full.
    Full(u64),
    /// The nth sync fails, once.
    Sync(u64),
}

#[derive(Debug, Default)]
struct State {
    events: Vec<Event>,
    fault: Option<Fault>,
    writes: u64,
    syncs: u64,
    fired: u64,
}

/// What happens below one folder.
#[derive(Debug, Clone)]
pub struct Recorder(Arc<Mutex<State>>);

static RECORDERS: Mutex<BTreeMap<PathBuf, Recorder>> = Mutex::new(BTreeMap::new());
static FILES: Mutex<BTreeMap<usize, OpenFile>> = Mutex::new(BTreeMap::new());
static TABLES: Mutex<BTreeMap<usize, usize>> = Mutex::new(BTreeMap::new());

#[derive(Clone)]
struct OpenFile {
    path: PathBuf,
    /// Address of the system VFS's methods, which live as long as the process.
    methods: usize,
    recorder: Recorder,
}

impl Recorder {
    /// Records all that happens to databases in `folder` from now on.
    pub fn watch(folder: &Path) -> Recorder {
        register();
        let recorder = Recorder(Arc::default());
        RECORDERS.lock().unwrap().insert(folder.canonicalize().unwrap(), recorder.clone());
        recorder
    }

    /// Notes that the store acknowledged batch `n`.
    pub fn acknowledge(&self, n: u32) {
        self.0.lock().unwrap().events.push(Event::Acknowledged(n));
    }

    /// Everything so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// Injects `fault`, or heals the disk.
    pub fn fail_at(&self, fault: Option<Fault>) {
        let mut state = self.0.lock().unwrap();
        (state.fault, state.writes, state.syncs, state.fired) = (fault, 0, 0, 0);
    }

    /// How often the fault struck since `fail_at`.
    pub fn fired(&self) -> u64 {
        self.0.lock().unwrap().fired
    }
}

/// Writes into `folder` what a disk could hold if the power had gone after `events`: all that was synced, and of the
/// rest any subset of 512-byte sectors, as `keep` decides.
pub fn power_loss_image(events: &[Event], folder: &Path, keep: &mut dyn FnMut() -> bool) {
    let mut synced_until: BTreeMap<&Path, usize> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Event::Sync { file } = event {
            synced_until.insert(file, at);
        }
    }
    let folder_synced = events.iter().position(|e| matches!(e, Event::Acknowledged(_)));
    let mut disk: BTreeMap<&Path, Vec<u8>> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Write { file, offset, bytes } => {
                let synced = synced_until.get(file.as_path()).is_some_and(|until| at < *until);
                write_sectors(disk.entry(file).or_default(), *offset as usize, bytes, &mut || synced || keep());
            }
            Event::Truncate { file, size } => {
                if synced_until.get(file.as_path()).is_some_and(|until| at < *until) || keep() {
                    disk.entry(file).or_default().resize(*size as usize, 0);
                }
            }
            Event::Delete { file } => {
                if folder_synced.is_some_and(|synced| at < synced) || keep() {
                    disk.remove(file.as_path());
                }
            }
            Event::Sync { .. } | Event::Acknowledged(_) => {}
        }
    }
    for (file, bytes) in disk {
        std::fs::write(folder.join(file.file_name().unwrap()), bytes).unwrap();
    }
}

fn write_sectors(disk: &mut Vec<u8>, offset: usize, bytes: &[u8], keep: &mut dyn FnMut() -> bool) {
    let end = offset + bytes.len();
    let mut from = offset;
    while from < end {
        let to = ((from / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        if keep() {
            if disk.len() < to {
                disk.resize(to, 0);
            }
            disk[from..to].copy_from_slice(&bytes[from - offset..to - offset]);
        }
        from = to;
    }
}

fn register() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // SAFETY: the system VFS is static; the copy and its name are leaked, as SQLite keeps the pointers for good.
        unsafe {
            let mut vfs = *system_vfs();
            vfs.zName = std::ffi::CString::new(VFS_NAME).unwrap().into_raw();
            vfs.pNext = std::ptr::null_mut();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            assert_eq!(ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 0), ffi::SQLITE_OK);
        }
    });
}

unsafe fn system_vfs() -> *mut ffi::sqlite3_vfs {
    // SAFETY: a null name asks for the default VFS; ours is never registered as the default.
    unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: `file` has the size the system VFS asked for, and stays at one address until closed.
    unsafe {
        let system = system_vfs();
        let code = (*system).xOpen.unwrap()(system, name, file, flags, out);
        if code != ffi::SQLITE_OK || name.is_null() {
            return code;
        }
        let path = PathBuf::from(CStr::from_ptr(name as *const c_char).to_str().unwrap());
        let recorder = path.parent().and_then(|dir| RECORDERS.lock().unwrap().get(dir).cloned());
        if let Some(recorder) = recorder {
            let methods = (*file).pMethods as usize;
            FILES.lock().unwrap().insert(file as usize, OpenFile { path, methods, recorder });
            (*file).pMethods = recording_table(methods) as *const ffi::sqlite3_io_methods;
        }
        code
    }
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite passes a terminated path.
    unsafe {
        let system = system_vfs();
        let code = (*system).xDelete.unwrap()(system, name, sync_folder);
        let file = PathBuf::from(CStr::from_ptr(name).to_str().unwrap());
        let recorder = file.parent().and_then(|dir| RECORDERS.lock().unwrap().get(dir).cloned());
        if let Some(recorder) = recorder
            && code == ffi::SQLITE_OK
        {
            recorder.0.lock().unwrap().events.push(Event::Delete { file });
        }
        code
    }
}

/// The table `methods` with four entries replaced; made once for each system table.
unsafe fn recording_table(methods: usize) -> usize {
    *TABLES.lock().unwrap().entry(methods).or_insert_with(|| {
        // SAFETY: the address came from an open file; system tables are static.
        let mut table = unsafe { *(methods as *const ffi::sqlite3_io_methods) };
        table.xClose = Some(close);
        table.xWrite = Some(write);
        table.xTruncate = Some(truncate);
        table.xSync = Some(sync);
        Box::into_raw(Box::new(table)) as usize
    })
}

fn of(file: *mut ffi::sqlite3_file) -> (OpenFile, &'static ffi::sqlite3_io_methods) {
    let open = FILES.lock().unwrap()[&(file as usize)].clone();
    // SAFETY: system tables are static.
    let methods = unsafe { &*(open.methods as *const ffi::sqlite3_io_methods) };
    (open, methods)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let (_, methods) = of(file);
    FILES.lock().unwrap().remove(&(file as usize));
    // SAFETY: called by SQLite with the file that the system VFS opened.
    unsafe { methods.xClose.unwrap()(file) }
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, amount: c_int, at: i64) -> c_int {
    let (open, methods) = of(file);
    {
        let mut state = open.recorder.0.lock().unwrap();
        state.writes += 1;
        if matches!(state.fault, Some(Fault::Full(nth)) if state.writes >= nth) {
            state.fired += 1;
            return ffi::SQLITE_FULL;
        }
        // SAFETY: SQLite passes `amount` readable bytes.
        let bytes = unsafe { std::slice::from_raw_parts(from as *const u8, amount as usize) }.to_vec();
        state.events.push(Event::Write { file: open.path, offset: at as u64, bytes });
    }
    // SAFETY: as in `close`.
    unsafe { methods.xWrite.unwrap()(file, from, amount, at) }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let (open, methods) = of(file);
    open.recorder.0.lock().unwrap().events.push(Event::Truncate { file: open.path, size: size as u64 });
    // SAFETY: as in `close`.
    unsafe { methods.xTruncate.unwrap()(file, size) }
}

/// Recorded instead of done: the images are built from the record, and fsync would only slow the tests down.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    let (open, _) = of(file);
    let mut state = open.recorder.0.lock().unwrap();
    state.syncs += 1;
    if matches!(state.fault, Some(Fault::Sync(nth)) if state.syncs == nth) {
        state.fired += 1;
        return ffi::SQLITE_IOERR_FSYNC;
    }
    state.events.push(Event::Sync { file: open.path });
    ffi::SQLITE_OK
}
