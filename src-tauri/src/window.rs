//! The one window and its life: built in code, closed after the engine has committed and said good-bye.
//!
//! Deliberately absent: menus, trays and plugins. The page may navigate nowhere and open nothing.

use std::sync::Arc;

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{AppHandle, Manager, RunEvent, WebviewUrl, WebviewWindowBuilder};

use crate::backend::{Backend, Settings};
use crate::commands;
use crate::placement::Half;

/// Set for WebKitGTK: with buffers shared by way of the GPU, windows stay blank on many machines.
const PLAIN_BUFFERS: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
/// The web view's own files inside the data folder: local storage and caches.
const VIEW_FOLDER: &str = "window";

/// Starts this program again with plain buffers asked for, unless the user has decided about them. Returns only when
/// there is nothing to do (`None`) or when that failed. The environment cannot be changed from within: WebKit's
/// threads read it.
pub(crate) fn restart_with_plain_buffers() -> Option<std::io::Error> {
    #[cfg(target_os = "linux")]
    if std::env::var_os(PLAIN_BUFFERS).is_none() {
        use std::os::unix::process::CommandExt;
        let program = match std::env::current_exe() {
            Ok(program) => program,
            Err(error) => return Some(error),
        };
        let mut again = std::process::Command::new(program);
        return Some(again.args(std::env::args_os().skip(1)).env(PLAIN_BUFFERS, "1").exec());
    }
    None
}

/// Shows the window until it is closed, at first on one `half` of the screen if that is asked for.
///
/// # Errors
/// When there is no display, or the folder cannot be made.
pub(crate) fn run(settings: Settings, half: Option<Half>) -> anyhow::Result<()> {
    private_folder(&settings.data_dir)?;
    let view_folder = settings.data_dir.join(VIEW_FOLDER);
    let backend = Backend::new(settings);
    let app = tauri::Builder::default()
        .manage(Arc::clone(&backend))
        .invoke_handler(tauri::generate_handler![
            commands::verbs::call,
            commands::verbs::events,
            commands::document::document_open,
            commands::document::document_push,
            commands::document::document_awareness,
            commands::document::document_close,
            commands::save::save,
        ])
        .setup(move |app| {
            let opening = Arc::clone(app.state::<Arc<Backend>>().inner());
            tauri::async_runtime::spawn(async move { opening.open().await });
            tauri::async_runtime::spawn(end_on_signal(app.handle().clone()));
            build(app.handle(), view_folder, half)?;
            #[cfg(unix)]
            hear_later_starts(app.handle());
            Ok(())
        })
        .build(tauri::generate_context!())?;
    let mut closed = false;
    app.run(move |app, event| {
        // Closing the last window asks for an exit without a code; `exit` below asks for one with it.
        if let RunEvent::ExitRequested { api, code: None, .. } = event {
            api.prevent_exit();
            if !std::mem::replace(&mut closed, true) {
                tauri::async_runtime::spawn(close(app.clone()));
            }
        }
    });
    Ok(())
}

/// Shows this window, and the link that came with it, when OmniScope is started again on the same folder.
#[cfg(unix)]
fn hear_later_starts(app: &AppHandle) {
    let backend = Arc::clone(app.state::<Arc<Backend>>().inner());
    let (app, folder) = (app.clone(), backend.data_dir().to_owned());
    let taken = move |link: String| {
        if !link.is_empty() {
            backend.offer_link(link);
        }
        if let Some(window) = app.get_webview_window("main") {
            // A window manager may keep it where it is.
            let _ = window.unminimize().and_then(|()| window.set_focus());
        }
    };
    if let Err(error) = crate::instance::listen(&folder, taken) {
        tracing::warn!(%error, "a second start cannot reach this window");
    }
}

fn build(app: &AppHandle, view_folder: std::path::PathBuf, half: Option<Half>) -> tauri::Result<()> {
    let window = WebviewWindowBuilder::new(app, "main", WebviewUrl::App("index.html".into()))
        .title("OmniScope")
        .inner_size(1280.0, 832.0)
        .min_inner_size(720.0, 480.0)
        .data_directory(view_folder)
        .on_navigation(|url| url.scheme() == "tauri" || url.as_str() == "about:blank")
        .on_new_window(|_, _| NewWindowResponse::Deny)
        .on_page_load(|window, load| {
            if load.event() == PageLoadEvent::Started {
                let backend = Arc::clone(window.state::<Arc<Backend>>().inner());
                let left = backend.leave_page();
                if !left.is_empty() {
                    tauri::async_runtime::spawn(close_documents(backend, left));
                }
            }
        })
        .build()?;
    half.map_or(Ok(()), |half| half.place(&window))
}

async fn close_documents(backend: Arc<Backend>, documents: Vec<u32>) {
    if let Ok(engine) = backend.engine().await {
        for document in documents {
            engine.close_document(document).await;
        }
    }
}

async fn close(app: AppHandle) {
    app.state::<Arc<Backend>>().close().await;
    app.exit(0);
}

/// SIGTERM and SIGINT close the window as its button does.
async fn end_on_signal(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        close(app).await;
    }
}

/// Makes the data folder for its owner alone, before the web view puts anything there.
fn private_folder(folder: &std::path::Path) -> anyhow::Result<()> {
    use anyhow::Context;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder).with_context(|| format!("cannot create the folder {}", folder.display()))
}
